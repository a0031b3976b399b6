"""Small captures whose every byte is known, with the line that each frame is told in."""
