"""Scenarios that behave badly, each in its own way."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from testbed import Claim, Evidence, Finding, Layer, Scenario, check, expect
from testbed.errors import Unsupported

if TYPE_CHECKING:
    from testbed import Lab


class Hello(Scenario):
    """The server says what the client says."""

    id = "test.hello"
    layer = Layer.APPLICATION
    claim = Claim("An echo server sends back what it hears.")

    def act(self, lab: Lab) -> None:
        """Say hello."""
        lab.client.tcp_echo(lab.server, b"hello")

    @check("the server sends hello back")
    def echoes(self, seen: Evidence) -> Finding:
        """What came back is what was said."""
        back = seen.at("client:lan-a").tcp.port(8888).received
        return expect(back.payload, b"hello", cite=back)


class Buggy(Hello):
    """A mistake in Python."""

    id = "test.buggy"

    def act(self, lab: Lab) -> None:
        """Fail."""
        nothing: dict[str, int] = {}
        nothing["surprise"] += 1


class Misled(Hello):
    """It reads a file that is not there: no fault of the network's."""

    id = "test.misled"

    def act(self, lab: Lab) -> None:
        """Talk, and then fail."""
        lab.client.tcp_echo(lab.server, b"hello")
        Path("/nowhere/at/all").read_text(encoding="ascii")


class Hangs(Hello):
    """It waits for what never comes."""

    id = "test.hangs"

    def act(self, lab: Lab) -> None:
        """Wait."""
        lab.client.listen(9999).accept(timeout=1000)


class Lacking(Hello):
    """The kernel lacks what it needs."""

    id = "test.lacking"

    def act(self, lab: Lab) -> None:
        """Ask for what is not there."""
        raise Unsupported("delay a cable", "this kernel has no sch_netem")


class Untidy(Hello):
    """It changes a route behind the lab's back."""

    id = "test.untidy"

    def act(self, lab: Lab) -> None:
        """Leave a route behind."""
        gateway = str(lab.router.address_on("lan-a"))
        lab.client.run(["ip", "route", "add", "10.99.0.0/16", "via", gateway], check=True)
        lab.client.tcp_echo(lab.server, b"hello")


class Elsewhere(Hello):
    """It needs a node that the lab has not."""

    id = "test.elsewhere"
    places = ("firewall:dmz",)


class Slow(Hello):
    """It takes its time, and ends well."""

    id = "test.slow"

    def act(self, lab: Lab) -> None:
        """Talk, and wait, until it is stopped."""
        lab.client.tcp_echo(lab.server, b"hello")
        for _ in range(600):
            time.sleep(0.1)


class Dice(Hello):
    """It says something drawn by lot."""

    id = "test.dice"

    def act(self, lab: Lab) -> None:
        """Say eight bytes."""
        lab.client.tcp_echo(lab.server, lab.random.randbytes(8).hex().encode())

    @check("something comes back")
    def echoes(self, seen: Evidence) -> Finding:
        """What came back, in the reason."""
        back = seen.at("client:lan-a").tcp.port(8888).received
        return expect(len(back.payload), 16, cite=back, what=back.payload.decode())
