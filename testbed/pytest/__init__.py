"""What the pytest plugin does once a test asks for a lab; imported not before that."""
