"""What commands report beside results: the state of a machine, the check of a bundle."""
