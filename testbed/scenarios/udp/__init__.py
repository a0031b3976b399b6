"""UDP: datagrams, and no promise."""
