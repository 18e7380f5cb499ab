"""What the Zeus library reads."""
