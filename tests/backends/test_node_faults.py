"""Faults: exactly the packet that was meant is lost, and nothing is left of them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import packets
from testbed.errors import Unsupported, UsageError
from testbed.evidence import Evidence
from testbed.faults import Match
from testbed.lab import Lab
from tests.backends.engine_view import until, wiping_alone

pytestmark = pytest.mark.docker

PORT = 7200
ROOT = Path(__file__).parents[2]
PATH = ("client:lan-a", "router:lan-a", "router:lan-b", "server:lan-b")


@pytest.fixture(autouse=True)
def undone(lab: Lab) -> Iterator[None]:
    """Each test leaves the lab as it found it, and no rule of ours anywhere."""
    yield
    lab.undo.unwind()
    for node in lab:
        assert "testbed" not in node.run(["nft", "list", "ruleset"], check=True).text


def seen(evidence: Evidence, flags: str, payload: bytes | None = None) -> dict[str, int]:
    """How often a segment with these flags was seen at each place of its path."""
    counts = dict.fromkeys(PATH, 0)
    for frame in evidence.frames:
        tcp = packets.decode(frame.data).tcp
        if tcp is None or frame.vantage not in counts or PORT not in (tcp.source_port, tcp.destination_port):
            continue
        if tcp.flag_names == flags and payload in (None, frame.packet.payload):
            counts[frame.vantage] += 1
    return counts


def test_the_syn_ack_is_lost_twice_and_its_next_repetition_passes(lab: Lab) -> None:
    """Seen where it entered the router, not where it would have left; the client waits in SYN-SENT."""
    with lab.server.listen(PORT), lab.record("x") as recording:
        with lab.router.lose(Match(flags="SYN,ACK", source_port=PORT), times=2) as fault:
            stream = lab.client.connect(lab.server, PORT, timeout=30, wait=False)
            fault.await_hits(1)
            assert stream.tcp_state() == "SYN-SENT"
            stream.connected(timeout=30)
            assert fault.hits() == 2
        stream.close()
    assert recording.evidence is not None
    counts = seen(recording.evidence, "SYN,ACK")
    assert counts["router:lan-b"] - counts["router:lan-a"] == 2
    assert counts["server:lan-b"] == counts["router:lan-b"] >= 3
    assert counts["client:lan-a"] == counts["router:lan-a"] >= 1


def test_the_last_ack_of_the_handshake_is_lost_and_no_data_is(lab: Lab) -> None:
    """A pure ACK is told from one with data: the server waits in SYN-RECV, the data bring it on."""
    with lab.server.listen(PORT) as listener, lab.record("x") as recording:
        lost = Match(flags="ACK", payload=False, source=lab.client, destination_port=PORT)
        with lab.router.lose(lost, times=3) as fault:  # for so long that it can be seen: 1 + 2 + 4 s
            ours = lab.client.connect(lab.server, PORT)
            fault.await_hits(1)
            lab.server.await_tcp_state(ours, "SYN-RECV")
            half_open = next(s for s in lab.server.sockets() if s["state"] == "SYN-RECV")
            assert half_open["inode"] == 0  # no program holds it
            ours.send(b"data")  # bears the ACK too, and passes
            theirs = listener.accept()
            assert theirs.recv_exactly(4) == b"data"
            hits = fault.hits()
            assert 1 <= hits <= 3
        ours.close()
        theirs.close()
    evidence = recording.evidence
    assert evidence is not None
    data, acks = seen(evidence, "PSH,ACK", b"data"), seen(evidence, "ACK", b"")
    assert data["router:lan-b"] == data["router:lan-a"] >= 1
    assert acks["router:lan-b"] == acks["router:lan-a"] - hits
    (record,) = evidence.faults
    assert (record.node, record.hits) == ("router", hits)
    assert "the 1st to 3rd TCP ACK from client to port 7200 without data (forward)" in record.description


def test_the_servers_fin_is_lost_and_comes_again(lab: Lab) -> None:
    """While its FIN is lost the server stays in LAST-ACK; the repetition ends the connection."""
    with lab.server.listen(PORT) as listener:
        ours = lab.client.connect(lab.server, PORT)
        theirs = listener.accept()
        ours.shutdown("write")
        theirs.recv_end()
        match = Match(flags="FIN,ACK", source=lab.server, source_port=PORT)
        with lab.router.lose(match, times=5) as fault:  # for so long that it can be seen: 0.2 + 0.4 + … s
            theirs.close()
            fault.await_hits(1)
            lab.server.await_tcp_state(theirs, "LAST-ACK")
            lab.client.await_tcp_state(ours, "FIN-WAIT-2")
            assert ours.recv_end() == b""
            lab.client.await_tcp_state(ours, "TIME-WAIT")
            assert fault.matched() >= 6
            assert fault.hits() == 5
        ours.close()


@pytest.mark.parametrize(("nth", "times"), [(1, 1), (3, 1), (2, 3)])
@pytest.mark.parametrize("where", ["forward", "ingress", "egress", "input", "output"])
def test_exactly_the_nth_is_lost(lab: Lab, where: str, nth: int, times: int) -> None:
    """Of eight datagrams just those numbered are lost, at each point where that can be."""
    node = {"forward": lab.router, "ingress": lab.server, "input": lab.server}.get(where, lab.client)
    match = Match(protocol="udp", destination_port=PORT, direction="out" if node is lab.client else None)
    with (
        lab.server.udp(PORT) as there,
        lab.client.udp() as here,
        node.lose(match, nth=nth, times=times, where=where) as fault,
    ):
        for number in range(1, 9):
            try:
                here.send(bytes([number]), lab.server, PORT)
            except PermissionError:
                assert where == "output"
        expected = [number for number in range(1, 9) if not nth <= number < nth + times]
        assert [there.recv()[0][0] for _ in expected] == expected
        with pytest.raises(TimeoutError):
            there.recv(timeout=0.05)
        assert (fault.matched(), fault.hits()) == (8, times)
    assert (fault.matched(), fault.hits()) == (8, times)  # known after the undo too


@pytest.mark.parametrize(
    ("where", "at_server", "at_client"),
    [("ingress", 1, 1), ("egress", 0, 0), ("output", 0, 0), ("input", 1, 1)],
)
def test_what_is_lost_is_recorded_where_it_still_was(
    lab: Lab, where: str, at_server: int, at_client: int
) -> None:
    """Lost on arrival it was on the wire; lost on leaving it was not."""
    node = lab.client if where in ("egress", "output") else lab.server
    match = Match(protocol="udp", destination_port=PORT)
    with (
        lab.server.udp(PORT),
        lab.client.udp() as here,
        lab.record("x") as recording,
        node.lose(match, where=where),
    ):
        try:
            here.send(b"gone", lab.server, PORT)
        except PermissionError:
            assert where == "output"
    assert recording.evidence is not None
    places = [frame.vantage for frame in recording.evidence.frames if frame.packet.payload == b"gone"]
    assert (places.count("server:lan-b"), places.count("client:lan-a")) == (at_server, at_client)


def test_data_are_told_by_their_beginning(lab: Lab) -> None:
    """Only the segment whose data begin so is lost, and its repetition passes."""
    with (
        lab.server.listen(PORT) as listener,
        lab.client.connect(lab.server, PORT) as ours,
        listener.accept() as theirs,
        lab.router.lose(Match(payload=b"second message!!", destination_port=PORT)) as fault,
    ):
        ours.send(b"first")
        ours.send(b"second message!! and more")
        fault.await_hits(1)
        ours.send(b"third")
        assert theirs.recv_exactly(35) == b"firstsecond message!! and morethird"
        assert fault.hits() == 1


def test_all_are_dropped_until_that_is_undone(lab: Lab) -> None:
    """A drop lasts as long as its block: silence, then an answer."""
    with lab.router.drop(Match(protocol="icmp", destination=lab.server)) as fault:
        ping = ["ping", "-c", "2", "-i", "0.2", "-W", "0.3", str(lab.server.address_on("lan-b"))]
        assert lab.client.run(ping).status == 1
        assert fault.hits() == 2
    assert lab.client.run(["ping", "-c", "1", "-W", "1", ping[-1]]).status == 0


def test_arp_is_lost_before_the_kernel_hears_it(lab: Lab) -> None:
    """Below IP too: a host that does not hear the question does not answer."""
    lab.client.forget_neighbours()
    with lab.neighbour.drop(Match(protocol="arp", source=lab.client)) as fault:
        with pytest.raises((TimeoutError, OSError)):
            lab.client.connect(lab.neighbour, PORT, timeout=0.3)
        assert fault.hits() >= 1


def test_faults_on_one_node_do_not_disturb_each_other(lab: Lab) -> None:
    """Each is counted and undone by itself, in any order."""
    first = lab.router.drop(Match(protocol="udp", destination_port=PORT))
    second = lab.router.drop(Match(protocol="udp", destination_port=PORT + 1))
    assert lab.router.active_faults() == (first, second)
    first.undo()
    first.undo()
    with lab.server.udp(PORT) as one, lab.server.udp(PORT + 1) as two, lab.client.udp() as here:
        here.send(b"1", lab.server, PORT)
        here.send(b"2", lab.server, PORT + 1)
        assert one.recv()[0] == b"1"
        with pytest.raises(TimeoutError):
            two.recv(timeout=0.1)
    assert second.hits() == 1
    assert lab.router.active_faults() == (second,)


def test_the_undo_stack_takes_faults_back(lab: Lab) -> None:
    """A scenario that forgets its faults leaves none."""
    fault = lab.router.drop(Match(protocol="udp"))
    with lab.client.udp() as here:
        here.send(b"x", lab.server, PORT)
    lab.undo.unwind()
    assert lab.router.active_faults() == ()
    assert fault.hits() == 1


def test_a_rate_is_kept(lab: Lab) -> None:
    """Half a megabyte at 8 Mbit/s takes half a second at least, and every packet passes the bucket."""

    def transfer() -> float:
        with (
            lab.server.listen(PORT) as listener,
            lab.client.connect(lab.server, PORT) as ours,
            listener.accept() as theirs,
        ):
            begin = time.monotonic()
            sending = threading.Thread(target=theirs.send, args=(b"x" * 500_000,), kwargs={"timeout": 60})
            sending.start()
            assert len(ours.recv_exactly(500_000, timeout=60)) == 500_000
            sending.join()
            return time.monotonic() - begin

    with lab.record("x"), lab.router.limit("lan-a", "8mbit") as fault:
        limited = transfer()
        assert fault.matched() > 500_000 // 1500
    assert limited > 0.35
    assert "tbf" not in lab.router.run(["tc", "qdisc"]).text


def test_a_line_takes_longer(lab: Lab) -> None:
    """By the time asked for; where the kernel cannot, it says so, and nothing is left of the attempt."""
    if lab.router.run(["tc", "qdisc", "replace", "dev", "lo", "root", "netem", "delay", "1ms"]).status:
        with pytest.raises(Unsupported, match="sch_netem"):
            lab.router.delay("lan-a", 0.1)
    else:
        lab.router.run(["tc", "qdisc", "delete", "dev", "lo", "root"], check=True)
        with lab.router.delay("lan-a", 0.1):
            begin = time.monotonic()
            lab.client.connect(lab.server, 8888).close()
            assert time.monotonic() - begin >= 0.1
    assert "netem" not in lab.router.run(["tc", "qdisc"]).text


def test_a_port_is_handed_to_another_program(lab: Lab) -> None:
    """A middle box's trick: the client calls one port, another answers, and the wire shows the first."""
    with (
        lab.server.listen(PORT + 5) as hidden,
        lab.server.redirect(PORT, PORT + 5) as fault,
        lab.client.connect(lab.server, PORT) as ours,
        hidden.accept() as theirs,
    ):
        assert ours.remote.port == PORT
        assert theirs.local.port == PORT + 5
        assert fault.hits() == 1


def test_a_router_that_translates_addresses(lab: Lab) -> None:
    """With masquerade the server sees the router, not the client."""
    with (
        lab.server.listen(PORT) as listener,
        lab.router.masquerade("lan-b"),
        lab.client.connect(lab.server, PORT),
        listener.accept() as theirs,
    ):
        assert theirs.remote.address == str(lab.router.address_on("lan-b"))


BREAKS_AND_IS_KILLED = """
import os, signal, sys
from testbed.faults import Match
from testbed.lab import Lab
lab = Lab.attach(sys.argv[1])
lab.router.drop(Match(protocol="icmp"))
lab.router.limit("lan-a", "1mbit")
lab.client.sysctl("net.ipv4.tcp_syn_retries", 2)
lab.client.add_address("lan-a", "198.51.100.7/24")
print("broken", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_changed_is_undone_by_its_probes(lab: Lab) -> None:
    """A run that is killed leaves the lab that it was attached to as it found it."""
    before = lab.client.sysctl("net.ipv4.tcp_syn_retries")
    argv = [sys.executable, "-c", BREAKS_AND_IS_KILLED, lab.name]

    def undone() -> bool:
        rules = lab.router.run(["nft", "list", "ruleset"]).text + lab.router.run(["tc", "qdisc"]).text
        addresses = lab.client.run(["ip", "address"]).text
        kept = lab.client.sysctl("net.ipv4.tcp_syn_retries") == before
        return kept and not any(word in rules + addresses for word in ("testbed", "tbf", "198.51.100.7"))

    with wiping_alone():  # which would remove the dead guest's probes before they have undone anything
        ran = subprocess.run(argv, capture_output=True, text=True, timeout=150, check=False, cwd=ROOT)
        assert (ran.returncode, ran.stdout) == (-signal.SIGKILL, "broken\n"), ran.stderr
        until(undone, "all that was changed is as before")


def test_a_fault_that_cannot_be_is_refused(lab: Lab) -> None:
    """The words are checked before anything is changed."""
    with pytest.raises(UsageError, match="count from 1"):
        lab.router.lose(Match(flags="SYN"), nth=0)
    with pytest.raises(UsageError, match="somewhere"):
        lab.router.drop(Match(flags="SYN"), where="somewhere")
