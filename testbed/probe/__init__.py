"""The code that runs on a node: inside the probe container, in the node's network namespace.

It is shipped as source over the channel (`testbed.channel`), so it imports the
standard library and its own package, nothing else; its relative imports work under
whatever name the package has there. Python 3.11 or later.

bootstrap     installs the shipped sources and starts the agent
agent         serves requests, each in a thread; streams events
processes     commands and background processes
sockets       TCP and UDP sockets that live on the node
capture       every frame of every interface, with the kernel's timestamps
marks         marker frames: the positive control of a recording
sampler       the kernel's sockets, neighbours, routes and counters, over time
netlink       the messages of rtnetlink and sock_diag
interfaces    names, addresses, offloads of the interfaces
frames        Ethernet, ARP, IPv4, TCP, UDP built by hand, and sent
wire          the packing of captured frames on the channel
"""
