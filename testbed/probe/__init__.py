"""The code that runs on a node: inside the probe container, in the node's network namespace.

It is shipped as source over the channel (`testbed.channel`), so it imports the
standard library and its own package, nothing else; its relative imports work under
whatever name the package has there. Python 3.11 or later.

bootstrap     installs the shipped sources and starts the agent
agent         serves requests, each in a thread; streams events
processes     commands and background processes
sockets       TCP and UDP sockets that live on the node
held          one of them, which several threads may use
opening       how they are made: names, options
tcpinfo       the kernel's account of a connection
capture       every frame of every interface, streamed
packetsocket  the socket that hears them, and its timestamps
marks         marker frames: the positive control of a recording
sampler       the kernel's sockets, neighbours, routes and counters, over time
system        those tables at a moment; counters; settings
netlink       the framing of netlink messages
routing       rtnetlink: interfaces, addresses, neighbours, routes
diag          sock_diag: the kernel's TCP sockets
offload       segmentation and checksum offloads
frames        Ethernet, ARP, IPv4, TCP, UDP built by hand, and sent
wire          the packing of captured frames on the channel
errors        errors that are raised on purpose, and how any error travels
"""
