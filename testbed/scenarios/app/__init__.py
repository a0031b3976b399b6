"""What programs say to each other over a connection."""
