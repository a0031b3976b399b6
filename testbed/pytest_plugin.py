"""The pytest plugin: fixtures and options that give a test a running lab."""
