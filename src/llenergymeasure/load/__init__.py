"""When requests are sent, one driver a kind of load."""
