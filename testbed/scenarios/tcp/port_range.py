"""tcp.port-range: 65536 numbers, and who may have which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.checks import Finding, check, expect, expect_that
from testbed.evidence import Action, Evidence, NothingSeen, tcp_of
from testbed.programs import program
from testbed.scenario import ACROSS, Claim, Edit, Holds, Layer, Mutant, Scenario
from testbed.scenarios import edits

if TYPE_CHECKING:
    from testbed.lab import Lab

FIRST_FREE = 1024
START = "net.ipv4.ip_unprivileged_port_start"
EPHEMERAL = "net.ipv4.ip_local_port_range"


class TcpPortRange(Scenario):
    """Ports go from 0 to 65535; those below 1024 are the system's, and 0 means "give me any".

    A port has 16 bits in the segment's header, so there is no 65536. The first 1024 belong to
    well-known services: an ordinary program that asks for port 80 is refused, so that no user of a
    machine can pass for its web server. (On Linux the border is a setting, and container engines
    like to set it to 0.) From 1024 on, who comes first has the port, and nobody else at the same time.

    Port 0 is never used on the wire on purpose. Who asks for it gets one that is free, out of a
    range that the kernel keeps for that; every client does so without noticing. What does a
    program do with 65536? Python refuses it. The C library, asked to look the address up, cuts it to 16
    bits: 65536 becomes 0, and a SYN to port 0 really goes out.
    """

    id = "tcp.port-range"
    layer = Layer.TRANSPORT
    rfc = ("RFC 9293 §3.1", "RFC 6335 §6", "RFC 6056 §2.1")
    claim = Claim(
        "Ports go from 0 to 65535; 0 to 1023 are reserved for the system.",
        Holds.QUALIFIED,
        "Port 0 cannot be had: it asks for any. And on Linux 1024 is a default that can be set: "
        "here it had to be set back, for the container engine makes it 0.",
    )
    places = ACROSS

    first_free = FIRST_FREE

    def act(self, lab: Lab) -> None:
        lab.client.sysctl(START, self.first_free)
        lab.client.exec(program("port_seeker", lab.client.address_of(lab.server)))

    @staticmethod
    def said(seen: Evidence) -> tuple[Action, dict[str, str]]:
        """What the program said, by what it did."""
        ran = seen.action("client", "exec")
        if ran.result is None:
            raise NothingSeen("a program that asks for ports", (ran.citation,))
        lines = ran.result["stdout"].decode().splitlines()
        return ran, dict(line.split(": ", 1) for line in lines)

    @classmethod
    def outcomes(cls, seen: Evidence, *asked: str) -> tuple[Action, list[str]]:
        """How the program fared with some of the things that it asked for."""
        ran, said = cls.said(seen)
        return ran, [said.get(what, "never tried") for what in asked]

    @check("80 and 1023 are the system's: permission denied")
    def low_ports_are_the_systems(self, seen: Evidence) -> Finding:
        ran, outcomes = self.outcomes(seen, "bind 80", "bind 1023")
        return expect(outcomes, ["EACCES", "EACCES"], cite=ran)

    @check("1024 and 65535 are anybody's")
    def high_ports_are_anybodys(self, seen: Evidence) -> Finding:
        ran, outcomes = self.outcomes(seen, "bind 1024", "bind 65535")
        return expect(outcomes, ["1024", "65535"], cite=ran)

    @check("the same port cannot be had twice: address in use")
    def a_port_has_one_owner(self, seen: Evidence) -> Finding:
        ran, outcomes = self.outcomes(seen, "bind 7777 first", "bind 7777 again")
        return expect(outcomes, ["7777", "EADDRINUSE"], cite=ran)

    @check("65536 is no port: the program cannot even ask for it")
    def there_is_no_65536(self, seen: Evidence) -> Finding:
        ran, outcomes = self.outcomes(seen, "bind 65536", "connect 65536")
        return expect(outcomes, ["OverflowError", "OverflowError"], cite=ran)

    @check("who asks for 0 gets a free port of the kernel's own range")
    def zero_means_any(self, seen: Evidence) -> Finding:
        ran, (given,) = self.outcomes(seen, "bind 0")
        first, last = map(int, seen.client.facts.settings[EPHEMERAL].split())
        return expect_that(
            given.isdecimal() and first <= int(given) <= last, f"{first} to {last}", cite=ran, seen=given
        )

    @check("looked up with getaddrinfo, 65536 becomes 0, and a SYN to port 0 is on the wire")
    def a_cut_number_is_sent(self, seen: Evidence) -> Finding:
        ran, (found,) = self.outcomes(seen, "getaddrinfo 65536")
        syns = seen.at("client:lan-a").tcp.sent.to(seen.server.ip).syns
        sent_to = {tcp_of(syn).destination_port for syn in syns}
        return expect((found, sent_to), ("0", {0}), cite=(ran, syns), what="looked up, on the wire")

    @check("nobody can listen on port 0: the SYN is refused", needs=[a_cut_number_is_sent])
    def nobody_is_at_zero(self, seen: Evidence) -> Finding:
        ran, (outcome,) = self.outcomes(seen, "connect what getaddrinfo says")
        answers = seen.at("client:lan-a").tcp.port(0).received
        return expect(
            (outcome, [tcp_of(frame).flag_names for frame in answers]),
            ("ECONNREFUSED", ["RST,ACK"]),
            cite=(ran, answers),
        )

    mutants = (
        Mutant(
            "no port is the system's",
            settings={"first_free": 0},
            kills=(low_ports_are_the_systems,),
        ),
        Mutant(
            "1024 is the system's too",
            settings={"first_free": FIRST_FREE + 1},
            kills=(high_ports_are_anybodys,),
        ),
        Edit(
            "the second program has the port too",
            edits.saying("bind 7777 again: EADDRINUSE", "bind 7777 again: 7777"),
            kills=(a_port_has_one_owner,),
        ),
        Edit(
            "65536 is a port",
            edits.saying("bind 65536: OverflowError", "bind 65536: 65536"),
            kills=(there_is_no_65536,),
        ),
        Edit("port 0 is a port", edits.saying("bind 0: ", "bind 0: 0 "), kills=(zero_means_any,)),
        Edit(
            "the SYN goes to another port",
            edits.rewritten(
                lambda seen: seen.at("client:lan-a").tcp.sent.syns, edits.TCP_DESTINATION_PORT, b"\0\1"
            ),
            kills=(a_cut_number_is_sent,),
        ),
        Edit(
            "somebody is at port 0",
            edits.saying(
                "connect what getaddrinfo says: ECONNREFUSED", "connect what getaddrinfo says: connected"
            ),
            kills=(nobody_is_at_zero,),
        ),
    )
