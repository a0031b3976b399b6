"""TCP: how connections are opened, kept whole and closed."""
