"""One file for each command, named after it; each holds one click command called `command`."""
