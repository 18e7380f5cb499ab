"""What the CodeCarbon library reads."""
