"""What can run a lab: the protocol (base) and who fulfils it (docker)."""
