"""Address resolution: from an IP address to a MAC."""
