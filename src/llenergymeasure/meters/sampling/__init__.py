"""The process that reads the meters, and what is known of its readings while it runs."""
