"""A containerised network testbed: real hosts, exact faults, verdicts that cite frames."""
