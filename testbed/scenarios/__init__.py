"""The catalogue: one file for each scenario, found by its id: `arp.via-gateway` is arp/via_gateway.py."""
