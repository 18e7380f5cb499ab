"""What is said about a result, whoever shows it."""
