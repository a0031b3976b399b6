"""A handle on a running node: commands, sockets, the kernel's tables, settings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from testbed.errors import DeadlinePassed, TestbedError, Unsupported
from testbed.lab import Lab
from testbed.probe import frames
from tests.backends.engine_view import until

pytestmark = pytest.mark.docker

PORT = 7100


@pytest.fixture(autouse=True)
def undone(lab: Lab) -> Iterator[None]:
    """Each test leaves the lab as it found it."""
    yield
    lab.undo.unwind()


def test_a_command_runs_in_the_nodes_network_namespace(lab: Lab) -> None:
    """The probe's tools see the node's own addresses."""
    shown = lab.client.run(["ip", "-brief", "address"], check=True).text
    assert str(lab.client.address_on("lan-a")) in shown
    with pytest.raises(TestbedError, match="status 1"):
        lab.client.run(["ip", "address", "add", "nonsense"], check=True)
    with pytest.raises(TimeoutError, match="it wrote: begun"):
        lab.client.run(["sh", "-c", "echo begun; sleep 60"], timeout=3)


def test_interfaces_are_told_by_network_whatever_their_order(lab: Lab) -> None:
    """The router's legs are found by their addresses, the engine names them as it likes."""
    rows = {row["network"]: row for row in lab.router.interfaces()}
    assert set(rows) == {"lo", "lan-a", "lan-b"}
    for network in ("lan-a", "lan-b"):
        assert f"{lab.router.address_on(network)}/24" in rows[network]["addresses"]
        assert (rows[network]["up"], rows[network]["carrier"], rows[network]["mtu"]) == (True, True, 1500)
    assert lab.router.mac_on("lan-a") != lab.router.mac_on("lan-b")


def test_a_conversation_between_two_nodes(lab: Lab) -> None:
    """Both ends are handles here, and both are where they say they are."""
    data = bytes(range(256)) * 4096  # a mebibyte: more than all buffers together hold
    with (
        lab.server.listen(PORT) as listener,
        lab.client.connect(lab.server, PORT) as ours,
        listener.accept() as theirs,
    ):
        assert ours.remote == theirs.local == (str(lab.server.address_on("lan-b")), PORT)
        assert ours.local == theirs.remote
        sending = threading.Thread(target=ours.send, args=(data,))
        sending.start()
        assert theirs.recv_exactly(len(data)) == data
        sending.join()
        ours.shutdown("write")
        assert theirs.recv_end() == b""
        assert theirs.tcp_state() == "CLOSE-WAIT"
        theirs.send(b"one more thing")
        assert ours.recv_exactly(14) == b"one more thing"


def test_what_goes_wrong_is_told_as_the_kernel_tells_it(lab: Lab) -> None:
    """Refused, reset, in use, not in time: each is its own exception."""
    with pytest.raises(ConnectionRefusedError):
        lab.client.connect(lab.server, PORT)
    with pytest.raises(TimeoutError) as late:  # an address that nobody has
        lab.client.connect(str(lab.neighbour.address_on("lan-a") + 100), PORT, timeout=0.2)
    assert late.value.errno is None
    with lab.server.listen(PORT) as listener:
        with pytest.raises(OSError, match="Address already in use"):
            lab.server.listen(PORT)
        with pytest.raises(TimeoutError):
            listener.accept(timeout=0.1)
        ours = lab.client.connect(lab.server, PORT)
        listener.accept().reset()
        with pytest.raises(ConnectionResetError):
            ours.recv(1)
        ours.close()
        ours.close()


def test_a_connection_can_be_seen_while_it_opens(lab: Lab) -> None:
    """`wait=False` returns with the SYN under way; the rest is waited for."""
    absent = str(lab.neighbour.address_on("lan-a") + 90)  # for which no other test asks
    stream = lab.client.connect(absent, PORT, wait=False)
    assert stream.tcp_state() == "SYN-SENT"
    with pytest.raises(TimeoutError):
        stream.connected(timeout=0.1)
    stream.close()


def test_a_name_is_resolved_on_the_node(lab: Lab) -> None:
    """The node's own hosts file and DNS are asked, not this machine's."""
    with (
        lab.client.listen(PORT, address="127.0.0.1") as listener,
        lab.client.connect("localhost", PORT) as ours,
        listener.accept() as theirs,
    ):
        assert ours.remote.address == "127.0.0.1"
        assert theirs.local == ("127.0.0.1", PORT)


def test_datagrams_keep_their_bounds_and_a_closed_port_answers(lab: Lab) -> None:
    """Two sends are two receives; ICMP port unreachable comes back as an error."""
    with lab.server.udp(PORT) as there, lab.client.udp(IP_RECVERR=1) as here:
        here.send(b"one", lab.server, PORT)
        here.send(b"", lab.server, PORT)
        assert there.recv()[0] == b"one"
        data, sender = there.recv()
        assert data == b""
        assert sender == (str(lab.client.address_on("lan-a")), here.local.port)
        here.send(b"nobody", lab.server, PORT + 1)
        with pytest.raises(ConnectionRefusedError):
            here.recv(timeout=2.0)


def test_the_echo_server_of_the_lab_answers(lab: Lab) -> None:
    """The node's own program, across the router, from the node's own namespace."""
    assert lab.client.tcp_echo(lab.server, "你好, lab".encode()) == "你好, lab".encode()


def test_states_are_waited_for_in_the_kernels_own_table(lab: Lab) -> None:
    """Either end's handle names the connection; a state that does not come is told with those there are."""
    with lab.server.listen(PORT) as listener:
        ours = lab.client.connect(lab.server, PORT)
        theirs = listener.accept()
        lab.server.await_tcp_state(ours, "ESTABLISHED")
        ours.send(b"unread")
        lab.server.await_queue(ours, unread=6)
        with pytest.raises(DeadlinePassed, match="ESTABLISHED"):
            lab.client.await_tcp_state(ours, "TIME-WAIT", timeout=0.1)
        ours.close()
        lab.client.await_tcp_state(theirs, "FIN-WAIT-2")
        theirs.recv(100)
        theirs.close()
        lab.server.await_tcp_state(theirs, "CLOSED")
        lab.client.await_tcp_state(ours, "TIME-WAIT")


def test_a_listening_socket_shows_its_queue(lab: Lab) -> None:
    """sock_diag's queues of a listener: those that wait, and how many may."""
    with lab.server.listen(PORT, backlog=3), lab.client.connect(lab.server, PORT) as ours:
        lab.server.await_tcp_state(ours, "ESTABLISHED")
        row = next(r for r in lab.server.sockets() if r["local_port"] == PORT and r["state"] == "LISTEN")
        assert (row["receive_queue"], row["send_queue"]) == (1, 3)


def test_neighbours_are_forgotten_and_learned(lab: Lab) -> None:
    """The neighbour table is empty after forgetting, and holds the gateway after talking."""
    lab.client.tcp_echo(lab.server, b"x")
    assert lab.client.forget_neighbours() >= 1
    # The end of that conversation may still be under way.
    until(lambda: lab.client.forget_neighbours() == 0, "the client talks to nobody")
    assert lab.client.neighbours() == []
    lab.client.tcp_echo(lab.server, b"x")
    (row,) = lab.client.neighbours()
    gateway = str(lab.router.address_on("lan-a"))
    assert (row["address"], row["mac"]) == (gateway, lab.router.mac_on("lan-a"))


def test_settings_are_the_nodes_own_and_are_put_back(lab: Lab) -> None:
    """A sysctl of the node's namespace is written at run time, and undone with the scenario."""
    before = lab.client.sysctl("net.ipv4.tcp_syn_retries")
    with lab.undo.scope():
        assert lab.client.sysctl("net.ipv4.tcp_syn_retries", 2) == before
        lab.client.sysctl("net.ipv4.tcp_syn_retries", 3)
        assert lab.client.sysctl("net.ipv4.tcp_syn_retries") == "3"
        assert lab.server.sysctl("net.ipv4.tcp_syn_retries") == before
    assert lab.client.sysctl("net.ipv4.tcp_syn_retries") == before
    with pytest.raises(Unsupported):
        lab.client.sysctl("net.ipv4.no_such_setting")
    with pytest.raises(OSError, match="Invalid argument"):
        lab.client.sysctl("net.ipv4.tcp_syn_retries", "many")


def test_addresses_neighbours_and_routes_are_put_back(lab: Lab) -> None:
    """What a scenario enters into the kernel's tables is gone after it, and what it replaced is back."""
    node = lab.neighbour
    extra = str(node.address_on("lan-a") + 50)
    before = (node.run(["ip", "route"]).text, node.interfaces())
    with lab.undo.scope():
        node.add_address("lan-a", f"{extra}/24")
        node.add_neighbour("lan-a", lab.client.address_on("lan-a"), "02:00:00:00:00:99")
        node.add_route("default", lab.bystander.address_on("lan-a"))
        node.add_route("198.51.100.0/24", lab.client.address_on("lan-a"))
        row = next(r for r in node.neighbours() if r["mac"] == "02:00:00:00:00:99")
        assert row["state"] == "PERMANENT"
        gateways = {r["destination"]: r["gateway"] for r in node.routes()}
        assert gateways["0.0.0.0/0"] == str(lab.bystander.address_on("lan-a"))
        assert extra in node.run(["ip", "address"]).text
    after = (node.run(["ip", "route"]).text, node.interfaces())
    assert after[0] == before[0]
    assert [row["addresses"] for row in after[1]] == [row["addresses"] for row in before[1]]
    assert not any(row["mac"] == "02:00:00:00:00:99" for row in node.neighbours())


def test_a_card_gets_another_number_and_its_own_back(lab: Lab) -> None:
    """Who knows a neighbour by its number is told the other one, and its own again after the scenario."""
    node, peer = lab.neighbour, lab.client
    own, given, address = node.mac_on("lan-a"), "00:1b:21:00:00:01", str(node.address_on("lan-a"))
    with pytest.raises(ConnectionRefusedError):
        peer.connect(node, 7113)

    def knows(mac: str) -> bool:
        return any((row["address"], row["mac"]) == (address, mac) for row in peer.neighbours())

    assert knows(own)
    with lab.undo.scope():
        node.set_mac("lan-a", given)
        assert node.mac_on("lan-a") == given
        until(lambda: knows(given), "the client knows the other number")
    assert node.mac_on("lan-a") == own
    until(lambda: knows(own), "the client knows the card's own number again")


def test_a_process_in_the_background(lab: Lab) -> None:
    """It is waited for by what it says, and ends with its block."""
    program = "import socket; s = socket.create_server(('', 7111)); print('ready', flush=True); s.accept()"
    with lab.server.spawn(["python3", "-c", program]) as server:
        server.wait_output("ready")
        assert server.poll() is None
        lab.client.connect(lab.server, 7111).close()
        assert server.wait().status == 0
    with pytest.raises(TestbedError, match="it ended with status 3"):
        lab.server.spawn(["sh", "-c", "exit 3"]).wait_output("ready")
    sleeper = lab.server.spawn(["sleep", "100"])
    lab.undo.unwind()
    assert sleeper.poll() == -15


def test_a_frame_built_by_hand_is_put_on_the_wire(lab: Lab) -> None:
    """A node says on the wire what no kernel would, and is heard."""
    wanted = str(lab.neighbour.address_on("lan-a"))
    asked = frames.arp(1, ("02:00:00:00:00:77", "0.0.0.0"), ("00:00:00:00:00:00", wanted))
    before = lab.neighbour.counters()  # the channel is open
    heard = lab.neighbour.spawn(
        ["tcpdump", "-Z", "root", "-c", "1", "-n", "-e", "arp", "and", "ether", "src", "02:00:00:00:00:77"]
    )
    heard.wait_output("listening on")
    lab.client.send_frame("lan-a", frames.ethernet("02:00:00:00:00:77", frames.BROADCAST, 0x0806, asked))
    assert f"Request who-has {wanted}" in heard.wait().text
    assert before["IpInReceives"] <= lab.neighbour.counters()["IpInReceives"]


def test_the_channel_answers_many_at_once(lab: Lab) -> None:
    """Fifty requests wait for one that comes after them: none is held up by another."""
    wait = ["sh", "-c", "while [ ! -e /tmp/gate ]; do sleep 0.5; done"]
    with ThreadPoolExecutor(50) as pool:
        waiting = [pool.submit(lab.client.run, wait, timeout=60) for _ in range(50)]
        lab.client.run(["touch", "/tmp/gate"], check=True, timeout=60)
        assert {one.result().status for one in waiting} == {0}
    lab.client.run(["rm", "/tmp/gate"], check=True)
