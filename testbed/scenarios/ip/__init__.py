"""The Internet protocol: addresses, and the way from network to network."""
