"""`testbed run`: verdicts, exit codes, the run's folder, and what happens when it is broken off."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from testbed.pcapng import read
from tests.backends.engine_view import remains, small_lab, wiping_alone
from tests.cli.calling import CTRL_C, Called, Key, call, command, environment, on_terminal, wait_for
from tests.cli.conftest import runs, succeeded

SCENARIOS = str(Path(__file__).with_name("scenarios_for_tests.py"))


def last_run(folder: Path) -> Path:
    """The folder of the last run."""
    return (folder / ".testbed/runs/latest").resolve()


def of_mine(*names: str) -> list[str]:
    """Select scenarios of the test file by the last word of their ids."""
    return [SCENARIOS, "-k", " or ".join(f"test.{name}" for name in names)]


def labs_of(run: Path) -> list[str]:
    """What is left on the engine of the labs that a run brought up."""
    return [thing for number in ("", "-2", "-3") for thing in remains(f"run-{run.name[-4:]}{number}")]


@pytest.fixture(scope="module")
def green(folder: Path) -> Called:
    """One run of two scenarios, which the tests of its output share."""
    return call("run", "arp.via-gateway", "tcp.reset", "--junitxml", "out/j.xml", cwd=folder)


# -- a run that goes well


def test_verdicts_on_stdout_progress_on_stderr(green: Called) -> None:
    """All that ran passed: exit 0; what is data is on stdout, plain, and what is progress is not."""
    told = succeeded(green)
    assert "✓ arp.via-gateway" in told
    assert "2 scenarios" in told
    assert "is up: 5 nodes" in green.stderr
    assert "\x1b" not in told + green.stderr


def test_the_folder_holds_all_of_the_run(green: Called, folder: Path) -> None:
    """Capture, evidence, verdicts, versions, the command that repeats it, a log for every node."""
    run = last_run(folder)
    assert run.name in green.stdout
    about = json.loads((run / "run.json").read_bytes())
    assert about["schema_version"] == 1
    assert {"testbed", "python", "engine", "compose", "kernel"} <= about["versions"].keys()
    assert about["command"].startswith("testbed run arp.via-gateway tcp.reset --seed ")
    verdicts = json.loads((run / "verdicts.json").read_bytes())
    assert [one["status"] for one in verdicts["scenarios"]] == ["passed", "passed"]
    assert len(list(run.glob("logs/*/*.log"))) == 5
    assert "arp.via-gateway" in (run / "report.html").read_text()
    assert labs_of(run) == []


def test_cited_frames_bear_the_checks_names(green: Called, folder: Path) -> None:
    """Each frame that a verdict cites has the check's name as its comment, also as tshark reads it."""
    run = last_run(folder)
    verdicts = json.loads((run / "verdicts.json").read_bytes())
    cited = {
        (cite["number"], f"{one['id']} {check['name']}")
        for one in verdicts["scenarios"]
        for check in one["checks"]
        for cite in check["cites"]
        if cite["kind"] == "frame"
    }
    records = read(run / "capture.pcapng").records
    commented = {
        (number, line.partition(":")[0])
        for number, record in enumerate(records, 1)
        for line in (record.comment or "").splitlines()
    }
    assert cited == commented
    if shutil.which("tshark"):
        shown = subprocess.run(
            ["tshark", "-r", run / "capture.pcapng", "-Y", "frame.comment", "-T", "fields", "-eframe.number"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert {int(line) for line in shown.stdout.split()} == {number for number, _ in cited}


def test_judging_again_gives_the_same_without_an_engine(green: Called, folder: Path) -> None:
    """The saved recording yields every verdict, reason and citation again, with no Docker."""
    again = call("judge", "latest", "--format", "json", cwd=folder, DOCKER_HOST="unix:///nowhere")
    assert again.status == 0
    assert json.loads(again.stdout) == json.loads((last_run(folder) / "verdicts.json").read_bytes())


def test_judging_reads_the_recording(green: Called, folder: Path, tmp_path: Path) -> None:
    """With the client's ARP request gone from the recording, the verdict is red: exit 1."""
    copy = tmp_path / "run"
    shutil.copytree(last_run(folder), copy)
    path = copy / "capture.pcapng"
    data = path.read_bytes()
    question = b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01"  # ARP, Ethernet, IPv4, request
    assert question in data
    path.write_bytes(data.replace(question, question[:-1] + b"\x07"))
    again = call("judge", str(copy), cwd=folder)
    assert again.status == 1
    assert "✗ arp.via-gateway" in again.stdout


def test_junit_counts_the_checks(green: Called, folder: Path) -> None:
    """A case for each check, in the file that was named and in the run's folder."""
    root = ElementTree.parse(folder / "out/j.xml").getroot()
    verdicts = json.loads((last_run(folder) / "verdicts.json").read_bytes())
    assert len(root.findall(".//testcase")) == sum(len(one["checks"]) for one in verdicts["scenarios"])
    assert (last_run(folder) / "junit.xml").read_bytes() == (folder / "out/j.xml").read_bytes()


def test_jobs_run_beside_each_other(folder: Path) -> None:
    """Two labs at a time, each under its own prefix: the same verdicts, every frame numbered once."""
    called = call(
        "run", "arp.same-lan", "arp.via-gateway", "ip.loopback", "--jobs", "2", "--format", "json", cwd=folder
    )
    document = json.loads(succeeded(called))
    assert len({one["lab"] for one in document["scenarios"]}) == 2
    again = json.loads(call("judge", "--format", "json", cwd=folder).stdout)
    assert [one["status"] for one in again["scenarios"]] == ["passed"] * 3


def test_repeat_says_whether_a_verdict_differed(folder: Path) -> None:
    """Two rounds of one scenario: two results, none of them unlike the other."""
    document = json.loads(
        succeeded(call("run", "tcp.reset", "--repeat", "2", "--format", "json", cwd=folder))
    )
    assert [one["round"] for one in document["scenarios"]] == [1, 2]
    assert document["unstable"] == {}


def test_a_seed_repeats_what_was_drawn_by_lot(lab: str, folder: Path) -> None:
    """The same seed, the same draw in each round; another seed, another draw."""

    def drawn(*args: str) -> list[str]:
        args = ("run", "--attach", lab, *of_mine("dice"), "--format", "json", *args)
        document = json.loads(succeeded(call(*args, cwd=folder)))
        return [one["checks"][0]["reason"] for one in document["scenarios"]]

    first = drawn("--seed", "7", "--repeat", "2")
    assert first == drawn("--seed", "7", "--repeat", "2")
    assert len(set(first)) == 2
    assert drawn("--seed", "8")[0] not in first


# -- scenarios of one's own that behave badly


def test_each_bad_scenario_costs_only_itself(folder: Path) -> None:
    """A bug and a hang are unknown and say where, what lacks is skipped aloud, the others pass: exit 3."""
    chosen = of_mine("hello", "buggy", "misled", "hangs", "lacking", "elsewhere")
    called = call("run", *chosen, "--timeout", "10", "--format", "json", cwd=folder)
    assert called.status == 3
    found = {one["id"]: one for one in json.loads(called.stdout)["scenarios"]}
    assert {name: one["status"] for name, one in found.items()} == {
        "test.hello": "passed",
        "test.buggy": "unknown",
        "test.misled": "unknown",
        "test.hangs": "unknown",
        "test.lacking": "skipped",
        "test.elsewhere": "skipped",
    }
    assert 'nothing["surprise"] += 1' in found["test.buggy"]["trace"]
    assert "lab.client.listen(9999).accept(timeout=1000)" in found["test.hangs"]["reason"]
    assert "sch_netem" in found["test.lacking"]["reason"]
    assert "firewall" in found["test.elsewhere"]["reason"]
    assert labs_of(last_run(folder)) == []


def test_a_lab_that_is_not_as_it_was_is_not_used_again(folder: Path) -> None:
    """What a scenario left behind is told, and the next one gets a new lab."""
    called = call("run", *of_mine("untidy"), "--repeat", "2", cwd=folder)
    assert "new: route 10.99.0.0/16" in called.stderr
    labs = {one["lab"] for one in json.loads((last_run(folder) / "verdicts.json").read_bytes())["scenarios"]}
    assert len(labs) == 2


def test_x_ends_at_the_first_red_one(folder: Path) -> None:
    """With -x nothing is run after a verdict that is not green."""
    called = call("run", *of_mine("buggy", "hello"), "-x", "--format", "json", cwd=folder)
    ids = [one["id"] for one in json.loads(called.stdout)["scenarios"]]
    assert ids in (["test.hello", "test.buggy"], ["test.buggy"])
    assert called.status == 3


# -- on a lab that is up


def test_attach_judges_a_lab_as_it_is(lab: str, folder: Path) -> None:
    """Whole, it is green; with a router that forwards nothing, red: exit 1; the lab stays up."""
    assert call("run", "--attach", lab, "arp.via-gateway", cwd=folder).status == 0
    switch = ("exec", "-n", lab, "--probe", "router", "--", "sh", "-c")
    assert call(*switch, "echo 0 > /sysnet/ipv4/ip_forward", cwd=folder).status == 0
    broken = call("run", "--attach", lab, "arp.via-gateway", cwd=folder)
    assert call(*switch, "echo 1 > /sysnet/ipv4/ip_forward", cwd=folder).status == 0
    assert broken.status == 1
    assert "✗" in broken.stdout
    assert call("run", "--attach", lab, "arp.via-gateway", cwd=folder).status == 0


def test_attach_to_no_lab(folder: Path) -> None:
    """There is none of that name: exit 3, and no folder for the run."""
    before = runs(folder)
    refused = call("run", "--attach", "nosuch", cwd=folder)
    assert refused.status == 3
    assert "nosuch" in refused.stderr
    assert runs(folder) == before


def test_a_lab_of_another_shape_skips_aloud(tmp_path: Path) -> None:
    """On a lab that is not their topology all are skipped, each with what it lacks: exit 0."""
    small_lab(tmp_path, {"left": {}, "right": {}})
    told = succeeded(call("run", "tcp.handshake", "tcp.close", "tcp.reset", cwd=tmp_path))
    assert "3 skipped" in told
    assert "wireshark" not in told
    assert "client:lan-a" in told


def test_keep_leaves_the_lab(folder: Path) -> None:
    """--keep: the lab is still up, and said how to take it down."""
    told = succeeded(call("run", *of_mine("hello"), "--keep", cwd=folder))
    name = f"run-{last_run(folder).name[-4:]}"
    assert f"testbed down {name}" in told
    assert call("down", name, cwd=folder).status == 0
    assert labs_of(last_run(folder)) == []


# -- broken off


def test_ctrl_c_takes_everything_down_and_keeps_the_evidence(tmp_path: Path) -> None:
    """Once, on a terminal: exit 130, nothing left, and what was recorded so far is named and readable."""
    keys = [Key(r"✓.*test\.hello", b""), Key(r"test\.slow", b""), Key(r"0:00:0[2-9]", CTRL_C)]
    called = on_terminal("run", *of_mine("hello", "slow"), cwd=tmp_path, keys=keys)
    assert called.status == 130, called.stdout
    run = last_run(tmp_path)
    assert run.name in called.stdout
    assert labs_of(run) == []
    found = {
        one["id"]: one["status"] for one in json.loads((run / "verdicts.json").read_bytes())["scenarios"]
    }
    assert found == {"test.hello": "passed", "test.slow": "unknown"}
    recorded = {one["scenario"] for one in json.loads((run / "evidence.json").read_bytes())["recordings"]}
    assert recorded == {"test.hello", "test.slow"}
    assert call("judge", cwd=tmp_path).status == 130


def test_ctrl_c_while_the_lab_comes_up(tmp_path: Path) -> None:
    """Nothing is left of a lab that was half up."""
    called = on_terminal("run", *of_mine("hello"), cwd=tmp_path, keys=[Key("lab run-", CTRL_C)])
    assert called.status == 130, called.stdout
    assert labs_of(last_run(tmp_path)) == []


@contextlib.contextmanager
def run_under_way(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has said the verdict of its first scenario, and acts the second."""
    with subprocess.Popen(
        command("run", *of_mine("hello", "slow")), cwd=folder, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert "test.hello" in running.stdout.readline()
        yield running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_does_the_same(tmp_path: Path, number: signal.Signals) -> None:
    """A polite kill, or a terminal that is closed, is a Ctrl-C."""
    with run_under_way(tmp_path) as running:
        running.send_signal(number)
        running.communicate(timeout=150)
    assert running.returncode == 130
    assert labs_of(last_run(tmp_path)) == []


def test_a_killed_run_leaves_readable_evidence(tmp_path: Path) -> None:
    """SIGKILL: what was recorded before can be judged; `wipe` removes what is left of the lab."""
    with wiping_alone():
        with run_under_way(tmp_path) as running:
            running.kill()
        run = last_run(tmp_path)
        judged = call("judge", cwd=tmp_path)
        assert "✓ test.hello" in judged.stdout
        assert call("wipe", cwd=tmp_path).status == 0
        wait_for(lambda: labs_of(run) == [])


def test_a_full_disk_ends_the_run_and_takes_the_lab_down(tmp_path: Path) -> None:
    """No room for the recording: exit 3, what to do, and nothing left of the lab."""
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(tmp_path)], check=False)
    if made.returncode != 0:
        pytest.skip("making a small file system needs root")
    try:
        called = call("run", "tcp.reset", "arp", cwd=tmp_path)
        run = last_run(tmp_path)
        assert called.status == 3, called.stderr
        assert "free some room" in called.stderr
        assert labs_of(run) == []
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


# -- on a terminal


def test_a_terminal_gets_colours_and_movement(lab: str, folder: Path) -> None:
    """Verdicts are coloured, and progress moves."""
    shown = on_terminal("run", "--attach", lab, *of_mine("hello"), cwd=folder).stdout
    assert "\x1b[32m✓" in shown
    assert "1 of 1 scenarios" in shown


def test_no_color_takes_the_colours(lab: str, folder: Path) -> None:
    """With NO_COLOR set it moves, without colours."""
    shown = on_terminal("run", "--attach", lab, *of_mine("hello"), cwd=folder, NO_COLOR="1").stdout
    assert "\x1b[32m" not in shown
    assert "1 of 1 scenarios" in shown


@pytest.mark.parametrize(("ci", "terminal"), [("true", "xterm"), ("", "dumb")])
def test_where_nobody_watches_nothing_moves(lab: str, folder: Path, ci: str, terminal: str) -> None:
    """CI and TERM=dumb: plain lines, though it is a terminal."""
    shown = on_terminal("run", "--attach", lab, *of_mine("hello"), cwd=folder, CI=ci, TERM=terminal).stdout
    assert "\x1b" not in shown
    assert "✓ test.hello" in shown
