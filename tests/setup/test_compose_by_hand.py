"""The laboratory without Python: `docker compose` alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.setup.by_hand import Compose

pytestmark = pytest.mark.docker

Labs = Callable[..., Compose]


def logged(output: str, service: str) -> list[str]:
    """Return what one service said in the joint output of `up`, each line without its prefix."""
    return re.findall(rf"^{service}-1 *\| (.*)$", output, re.MULTILINE)


def test_up_is_worth_watching_and_ends_by_itself(lab: Labs) -> None:
    """One command shows the conversation on both ends and each packet on both legs, and exits 0."""
    talk = lab()
    shown = talk("up", "--exit-code-from", "client")
    assert shown.returncode == 0, shown.stderr
    client, server, wire = (logged(shown.stdout, name) for name in ("client", "server", "wire"))
    assert "> 你好，世界" in client and "< 你好，世界" in client
    assert "every line came back unchanged" in talk.lines_of("client")  # `up` may end before it shows this
    assert any("said '你好，世界\\n': 16 bytes sent back" in line for line in server)
    near, far = f"{talk.prefix}.10", f"{talk.prefix}.20"
    for leg, what in (
        ("lan-a", f"ff:ff:ff:ff:ff:ff  ARP who has {near}.1? tell {near}.10"),
        ("lan-b", f"ff:ff:ff:ff:ff:ff  ARP who has {far}.10? tell {far}.1"),
        ("lan-a", f"{far}.10:8888  ttl 64  SYN  seq 0"),
        ("lan-b", f"{far}.10:8888  ttl 63  SYN  seq 0"),
        ("lan-b", "ttl 64  SYN,ACK  seq 0  ack 1"),
        ("lan-a", "ttl 63  SYN,ACK  seq 0  ack 1"),
    ):
        assert any(line.startswith(leg) and line.endswith(what) for line in wire), (leg, what, wire)


def test_down_leaves_nothing(lab: Labs) -> None:
    """What `up` made, twice over, `down` removes whole."""
    twice = lab(TESTBED_CLIENT="wait")
    assert twice("up", "--detach").returncode == 0
    before = twice("ps", "--quiet").stdout
    assert twice("up", "--detach").returncode == 0
    assert twice("ps", "--quiet").stdout == before
    assert twice("down").returncode == 0
    assert twice.leftovers() == []


def test_the_exit_code_is_the_clients(lab: Labs, tmp_path: Path) -> None:
    """A conversation that fails ends `up` with the client's 1, not with 0."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("services: {client: {command: [echo_client.py, talk, --port, '9']}}\n")
    failing = lab()
    assert failing("up", "--exit-code-from", "client", file=broken).returncode == 1
    assert "server:9: [Errno 111] Connection refused" in failing.lines_of("client")


def test_two_laboratories_side_by_side(lab: Labs) -> None:
    """Under another name and prefix a second laboratory comes up beside the first, and works."""
    first, second = lab(TESTBED_CLIENT="wait"), lab()
    assert first("up", "--detach").returncode == 0
    assert second("up", "--exit-code-from", "client").returncode == 0


def test_the_shell_talks_while_the_lab_is_up(lab: Labs) -> None:
    """`run --rm shell` beside the running lab echoes each line, ends at `q`, and leaves nothing."""
    up = lab(TESTBED_CLIENT="wait")
    assert up("up", "--detach").returncode == 0
    shell = up("run", "--rm", "-T", "shell", typed="one\n二\nq\n")
    assert shell.returncode == 0, shell.stderr
    assert "< one" in shell.stdout and "< 二" in shell.stdout
    assert "shell" not in up("ps", "--all", "--services").stdout.split()


def test_many_clients_are_served_at_once(lab: Labs) -> None:
    """In the profile many-clients eight conversations overlap, and each ends well."""
    crowd = lab(TESTBED_PAUSE="2")  # so that all have come before the first has gone, on a busy machine too
    crowd("--profile", "many-clients", "up", "--detach")
    clients = crowd("ps", "--all", "--quiet", "many-clients").stdout.split()
    assert [crowd.exit_code(client) for client in clients] == [0] * 8
    said = crowd.lines_of("concurrent")
    first_goodbye = next(number for number, line in enumerate(said) if line.endswith("goodbye"))
    assert sum(line.endswith("is connected") for line in said[:first_goodbye]) > 1
    assert sum(line.endswith("goodbye") for line in said) == 8


def test_no_service_has_more_than_it_needs(engine: None) -> None:
    """Each service is confined, none publishes a port; router and wire have one capability each."""
    compose = Compose("by-hand", "10.1", {})
    services = json.loads(compose("--profile", "*", "config", "--format", "json").stdout)["services"]
    added = {name: service["cap_add"] for name, service in services.items() if service.get("cap_add")}
    assert added == {"router": ["NET_ADMIN"], "wire": ["NET_RAW"]}
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] and service["init"], name
        assert service["mem_limit"] and service["pids_limit"], name
        assert not service.get("ports"), name


@pytest.mark.parametrize(
    ("addresses", "routes", "complaint"),
    [
        ("", "", "ROUTER_ADDRESSES is empty"),
        ("ten", "", "ten is not an address"),
        ("192.0.2.1/24", "", "no interface is in the subnet of 192.0.2.1/24"),
        (
            "{net}.10.1/24",
            "192.0.2.0/24 via 198.51.100.1",
            "route cannot be added: 192.0.2.0/24 via 198.51.100.1",
        ),
    ],
)
def test_a_router_that_cannot_route_says_why(
    lab: Labs, tmp_path: Path, addresses: str, routes: str, complaint: str
) -> None:
    """A router whose settings do not fit ends with 1, names what is wrong and lists what it has."""
    alone = lab()
    settings = {"ROUTER_ADDRESSES": addresses.format(net=alone.prefix), "ROUTER_ROUTES": routes}
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(json.dumps({"services": {"router": {"environment": settings}}}))
    ended = alone("up", "--no-deps", "--exit-code-from", "router", "router", file=wrong)
    said = alone.lines_of("router")  # `up` may miss the last words of one that ends at once
    assert ended.returncode == 1, said
    assert f"router: {complaint}" in said
    assert any(
        line.startswith("router: interfaces here: ") and f"eth0 {alone.prefix}." in line for line in said
    )
