"""The plugin as its users meet it: fixtures, options, what a failed test shows, what is left behind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from testbed.evidence.store import load
from testbed.lab import Lab
from tests.backends.engine_view import remains, small_lab
from tests.plugin.conftest import Run

pytestmark = pytest.mark.usefixtures("engine")


def test_tests_share_a_lab_and_leave_it_as_it_was(outer: Run) -> None:
    """One lab for all; what a test changes is gone for the next, what a module set up stays for its tests."""
    result = outer(
        """
        import pytest

        TTL, PORTS = "net.ipv4.ip_default_ttl", "net.ipv4.ip_local_port_range"
        seen = []

        @pytest.fixture(scope="module")
        def few_ports(lab):
            lab.client.sysctl(PORTS, "40000 40100")

        @pytest.fixture
        def short_lived(lab):
            lab.client.sysctl(TTL, 3)

        def test_changes(lab, few_ports, short_lived):
            seen.append(lab)
            lab.server.sysctl(TTL, 4)
            assert lab.client.sysctl(TTL) == "3"

        def test_finds_no_change(lab, few_ports):
            assert seen == [lab]
            assert lab.client.sysctl(TTL) == lab.server.sysctl(TTL) == "64"
            assert lab.client.sysctl(PORTS).split() == ["40000", "40100"]

        def test_asks_late(request):
            request.getfixturevalue("lab").client.sysctl(TTL, 5)

        def test_finds_no_late_change(lab):
            assert lab.client.sysctl(TTL) == "64"
            open("name", "w").write(lab.name)
        """
    )
    result.assert_outcomes(passed=4)
    assert remains(Path("name").read_text()) == []


def test_nodes_by_name_and_by_marker(outer: Run) -> None:
    """`node` finds a node; the marker runs a test once for each that it names, or for all."""
    result = outer(
        """
        import pytest

        def test_by_name(node):
            assert node("client").name == "client"

        @pytest.mark.lab_nodes("client", "server")
        def test_some(node):
            assert node.interfaces()

        @pytest.mark.lab_nodes
        def test_all(node, lab):
            assert node in lab.nodes

        @pytest.mark.lab_nodes("nobody")
        def test_unknown(node):
            pass
        """,
        "-v",
    )
    result.assert_outcomes(passed=8, errors=1)
    result.stdout.fnmatch_lines(["*::test_some[[]client] PASSED*", "*::test_all[[]bystander] PASSED*"])
    result.stdout.fnmatch_lines(["*nobody*bystander*"])


def test_a_failed_test_shows_what_happened_and_where_it_is_kept(outer: Run) -> None:
    """The ladder of the very test that failed, whether it recorded by itself, in a fixture or not at all."""
    result = outer(
        """
        import pytest

        def test_passes(lab):
            lab.client.tcp_echo(lab.server, b"not shown")

        def test_does_not_record(lab):
            lab.client.tcp_echo(lab.server, b"one")
            assert not "this fails"

        def test_records(lab, record):
            with record("the second word") as recording:
                lab.client.tcp_echo(lab.server, b"two")
            said = recording.evidence.at("client:lan-a").tcp.payload
            assert said == b"another word"

        @pytest.fixture
        def recorded(lab, record):
            with record("a fixture's"):
                yield lab

        def test_in_a_fixture(recorded):
            with pytest.raises(ConnectionRefusedError):
                recorded.client.connect(recorded.server, 9, timeout=2)
            assert not "this fails too"

        def test_twice_at_once(record):
            with record("outer"), record("inner"):
                pass
        """
    )
    result.assert_outcomes(passed=1, failed=4)
    result.stdout.fnmatch_lines(
        [
            "*- lab: *test_does_not_record -*", "*connect *:8888*", "*“one”*",
            "recorded in .testbed/runs/*, frames 1 to *",
            "*- lab: the second word -*", "*“two”*",
            "*- lab: a fixture's -*", "*RST*",
            "*'outer' is being recorded*",
        ]
    )  # fmt: skip
    result.stdout.no_fnmatch_line("*“not shown”*")
    recordings = load(Path(".testbed/runs/latest"))
    assert [stored.evidence.scenario for stored in recordings][1:3] == ["the second word", "a fixture's"]
    assert recordings[0].note["test"] == "test_inner.py::test_does_not_record"
    assert not any(stored.evidence.gaps for stored in recordings)


def test_recording_can_be_left_to_those_who_ask(outer: Run) -> None:
    """With `--lab-record asked`, a test that does not ask for `record` runs faster, and shows nothing."""
    result = outer("def test_fails(lab):\n    assert not lab", "--lab-record", "asked")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*recorded in*")
    assert not Path(".testbed").exists()


@pytest.mark.parametrize("by", ["option", "folder", "ini"])
def test_a_lab_of_ones_own(outer: Run, pytester: pytest.Pytester, by: str) -> None:
    """Any Compose file is a lab: named by an option, lying in the folder, or named in the configuration."""
    folder = pytester.path if by == "folder" else pytester.mkdir("labs")
    file = small_lab(folder, {"left": {}, "right": {}}).relative_to(pytester.path)
    options = {"option": [f"--lab-file={file}"], "folder": [], "ini": ["-c", "conf/pytest.ini"]}[by]
    if by == "ini":
        pytester.mkdir("conf").joinpath("pytest.ini").write_text(f"[pytest]\nlab_file = ../{file}\n")
    result = outer(
        """
        def test_it(lab):
            assert [node.name for node in lab] == ["left", "right"]
            assert lab.ping_all().complete
        """,
        *options,
        "test_inner.py",
    )
    result.assert_outcomes(passed=1)


def test_a_spoiled_lab_is_not_used_again(outer: Run) -> None:
    """Where a change cannot be undone, the test that made it says so, and later ones do not pretend."""
    result = outer(
        """
        def test_leaves_something(lab):
            lab.undo.push("the moon is painted", lambda: 1 / 0)

        def test_after(lab):
            pass

        def test_without_a_lab():
            pass
        """
    )
    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(
        ["*the moon is painted: *division by zero*", "*an earlier test spoiled the lab*"]
    )


def test_testinfra_looks_at_nodes(outer: Run) -> None:
    """`testbed://NODE` is a host for testinfra, named before there is a lab."""
    result = outer(
        """
        testinfra_hosts = ["testbed://client", "testbed://server"]

        def test_on_its_network(host):
            listens = host.socket("tcp://0.0.0.0:8888").is_listening
            assert listens == (host.backend.get_hostname() == "server")
            assert host.run("echo %s; exit 3", "a b").rc == 3
        """,
        "-v",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*[[]testbed://client] PASSED*"])


def kept_lab(result: pytest.RunResult) -> str:
    """The name of the lab that a run says that it left up."""
    found = re.search(r"^testbed run --attach (\S+)$", result.stdout.str(), re.MULTILINE)
    assert found, result.stdout.str()
    return found[1]


@pytest.mark.parametrize(("keep", "fails", "kept"), [("failed", True, True), ("failed", False, False)])
def test_a_lab_is_kept_when_that_was_asked_for(outer: Run, keep: str, fails: bool, kept: bool) -> None:
    """It is up after a failure, as it was before, and the run says how to get at it; else it is gone."""
    result = outer(
        f"""
        def test_it(lab):
            open("name", "w").write(lab.name)
            assert lab.client.sysctl("net.ipv4.ip_default_ttl", 7)
            assert not {fails}
        """,
        f"--lab-keep={keep}",
    )
    name = Path("name").read_text()
    if not kept:
        assert remains(name) == []
        result.stdout.no_fnmatch_line("*left up*")
        return
    assert kept_lab(result) == name
    result.stdout.fnmatch_lines([f"testbed exec --name {name} NODE -- COMMAND", f"testbed down {name}"])
    with Lab.attach(name) as lab:
        assert lab.client.sysctl("net.ipv4.ip_default_ttl") == "64"
        lab.backend.down(lab.handle)
    assert remains(name) == []


def test_each_worker_has_a_lab(outer: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under xdist labs run side by side, each under a name and a prefix of its own, TESTBED_NET or not."""
    monkeypatch.setenv("TESTBED_NET", "172.16")
    result = outer(
        """
        import pytest, time

        @pytest.mark.parametrize("number", range(2))
        def test_it(lab, worker_id, number):
            assert lab.client.tcp_echo(lab.server, b"hello") == b"hello"
            open(f"lab-{worker_id}", "w").write(f"{lab.name} {lab.prefix}")
            assert not number
        """,
        "-n2", "--dist=each", "--lab-keep=never",
    )  # fmt: skip
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*“hello”*", "recorded in .testbed/runs/*"])
    names, prefixes = zip(*(Path(f"lab-gw{n}").read_text().split() for n in range(2)), strict=True)
    assert [name[-4:] for name in names] == ["-gw0", "-gw1"]
    assert len(set(prefixes)) == 2
    assert [remains(name) for name in names] == [[], []]
