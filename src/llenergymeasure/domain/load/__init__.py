"""What is known of the load: when requests were due, and how the client kept to it."""
