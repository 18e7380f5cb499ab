"""What is sent and when: planned ahead, and written down."""
