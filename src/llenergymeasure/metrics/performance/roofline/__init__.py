"""What the hardware could have done, and how much of that was used."""
