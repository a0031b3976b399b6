"""The command line without an engine: help, wrong input, exit codes, and what is printed where."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import testbed
from testbed.cli import main
from testbed.cli.group import COMMANDS, cli
from testbed.errors import EnvironmentUnfit, Interrupted
from testbed.pcapng import InterfaceBlock, Record, write
from testbed.runner.running import Settings
from testbed.runs import RunFolder
from tests.unit import story

ROOT = Path(testbed.__file__).parents[1]
NO_ENGINE = "unix:///nowhere/docker.sock"


def run(
    *args: str, cwd: Path | None = None, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run testbed as a user does, with an environment of its own."""
    return subprocess.run(
        [sys.executable, "-m", "testbed", *args],
        cwd=cwd, input=stdin, capture_output=True, check=False, timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/nowhere", **environment},
    )  # fmt: skip


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A small capture file."""
    path = tmp_path / "story.pcapng"
    frames = story.evidence().frames
    records = [Record(0, f.time_ns, f.data, f.original_length, direction=f.direction) for f in frames]
    records[1].comment = "story asks: passed"
    write(path, [InterfaceBlock("client:lan-a")], records)
    return path


# -- help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    """--help says what the group's list says, and ends in examples that begin with testbed."""
    result = CliRunner().invoke(cli, [name, "--help"], prog_name="testbed")
    assert result.exit_code == 0
    assert COMMANDS[name].summary in " ".join(result.output.split())
    assert f"testbed {name}" in result.output.split("Examples:")[1]


def test_help_imports_nothing_heavy() -> None:
    """`testbed --help` answers at once: no docker, pydantic or rich is loaded for it."""
    code = (
        "import sys; from testbed.cli import main; main(['--help']);"
        "print(sorted({'docker', 'pydantic', 'rich', 'yaml', 'execnet', 'jinja2'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert answer.stdout.splitlines()[-1] == "[]"


def test_the_version_is_said() -> None:
    """--version names the program and its version."""
    assert re.fullmatch(rb"testbed \S+\n", run("--version").stdout)


# -- wrong input


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["rnu"], 2, "Did you mean 'run'?"),
        (["run", "--timeout", "x"], 2, "--timeout"),
        (["run", "--jobs", "0"], 2, "--jobs"),
        (["run", "tcp.handshak"], 2, "did you mean tcp.handshake?"),
        (["run", "no.such"], 2, "`testbed list` shows them"),
        (["run", "-k", "tcp and"], 2, "-k"),
        (["run", "--attach", "x", "--jobs", "2"], 2, "the lab that is up is one"),
        (["list", "-k", "arp and tcp"], 5, "fits none"),
        (["run", "./none.py"], 4, "there is no such file"),
        (["-f", "none.yaml", "graph"], 2, "there is no such file"),
        (["graph", "-f", "/"], 2, "there is none in that folder"),
        (["--backend", "vm", "ps"], 2, "docker"),
        (["run", "--backend", ""], 2, "it is empty"),
        (["run", "--attach", ""], 2, "it is empty"),
        (["-f", "", "run"], 2, "it is empty"),
        (["graph", "--profile", "nosuch"], 2, "no node has it"),
        (["up", "--profile", "nosuch"], 2, "no node has it"),
        (["judge", "nosuch"], 4, "`testbed run` makes one"),
        (["decode", "/nowhere/x.pcap"], 4, "No such file"),
        (["explain"], 2, "Missing argument"),
        (["exec", "client"], 2, "Missing argument"),
        (["exec", "client", "ping", "-c", "1"], 2, "write -- before the command"),
        (["completion", "powershell"], 2, "bash"),
        (["capture"], 2, "-w"),
        (["capture", "-w", "/nowhere/x"], 2, "there is no folder /nowhere"),
        (["capture", "-w", "/"], 2, "is a directory"),
        (["report", "-o", "/nowhere/x"], 2, "there is no folder /nowhere"),
        (["run", "--junitxml", "/dev/null/x"], 2, "there is no folder /dev/null"),
        (["ps"], 3, "no engine"),
        (["run"], 3, "no engine"),
        (["wipe"], 3, "no engine"),
    ],
)
def test_what_cannot_be_is_refused_in_words(tmp_path: Path, args: list[str], code: int, told: str) -> None:
    """One clear message on standard error, the right exit code, no traceback, nothing on standard output."""
    answer = run(*args, cwd=tmp_path, DOCKER_HOST=NO_ENGINE)
    assert answer.returncode == code
    assert told in answer.stderr.decode()
    assert b"Traceback" not in answer.stderr
    assert answer.stdout == b""


@pytest.mark.parametrize(
    ("args", "environment", "line"),
    [
        (["run", "tcp.reset"], {}, "testbed run tcp.reset --seed 0"),
        (["-f", "my lab.yaml", "run", "arp"], {}, "testbed run arp --seed 0 --file 'my lab.yaml'"),
        (["run", "-x", "-k", "a or b"], {}, "testbed run -k 'a or b' --seed 0 -x"),
        (
            ["run", "--repeat", "2"],
            {"TESTBED_NET": "10.7"},
            "TESTBED_NET=10.7 testbed run --repeat 2 --seed 0",
        ),
    ],
)
def test_a_run_records_the_command_that_repeats_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: list[str],
    environment: dict[str, str],
    line: str,
) -> None:
    """With every option, before the command's name too, and what of the environment chose the lab."""
    given = []

    def caught(settings: Settings, *_: object) -> None:
        given.append(settings.command)
        raise Interrupted("run")

    (tmp_path / "my lab.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TESTBED_NET", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("testbed.runner.running.run", caught)
    main([*args, "--seed", "0"])
    assert given == [line]


def test_a_run_that_cannot_begin_leaves_no_folder(tmp_path: Path) -> None:
    """Without an engine there is nothing to keep."""
    run("run", cwd=tmp_path, DOCKER_HOST=NO_ENGINE)
    assert not (tmp_path / ".testbed").exists()


def test_a_folder_that_cannot_be_made_is_no_bug(tmp_path: Path) -> None:
    """Where `.testbed` is a file, the run says what it could not write."""
    (tmp_path / ".testbed").touch()
    with pytest.raises(EnvironmentUnfit, match=r"write \S+\.testbed/runs/one: Not a directory"):
        RunFolder(tmp_path / ".testbed", "one")


def test_all_mistakes_of_a_compose_file_are_told_at_once(tmp_path: Path) -> None:
    """A file with two mistakes is refused with both, each with its line, and exit code 4."""
    (tmp_path / "compose.yaml").write_text(
        "services:\n  a:\n    image: 5\n    networks:\n      lan: {ipv4_address: 300.1.1.1}\n"
        "networks: {lan: {}}\n"
    )
    answer = run("graph", cwd=tmp_path)
    assert answer.returncode == 4
    assert b"line 3" in answer.stderr
    assert b"line 5" in answer.stderr


def test_a_bug_says_that_it_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception that nobody foresaw becomes one message, and a file with the trace."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TESTBED_DEBUG", raising=False)

    def broken(*_: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("testbed.runner.selection.select", broken)
    assert main(["list"]) == 70
    told = capsys.readouterr().err
    assert "this is a bug" in told
    assert "Traceback" not in told
    path = re.search(r"\.testbed/crash\S+\.txt", told)
    assert path
    assert "KeyError: 'surprise'" in (tmp_path / path[0]).read_text()


def test_ctrl_c_while_testbed_itself_is_loaded() -> None:
    """Pressed before anything has begun, it is an interrupt like any other: one line, and 130."""
    code = (
        "import sys\n"
        "class Pressed:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'click': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "from testbed.cli import main\n"
        "sys.exit(main(['list']))\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, cwd=ROOT)
    assert (answer.returncode, answer.stdout, answer.stderr) == (130, b"", b"testbed: interrupted\n")


# -- what is printed


def test_list_as_text_and_json(tmp_path: Path) -> None:
    """Both name the same scenarios."""
    lines = run("list", cwd=tmp_path).stdout.decode().splitlines()
    documents = json.loads(run("list", "--format", "json", cwd=tmp_path).stdout)
    assert [line.split()[0] for line in lines] == [one["id"] for one in documents]
    assert {"arp.via-gateway", "tcp.handshake"} <= {one["id"] for one in documents}


def test_explain_teaches(tmp_path: Path) -> None:
    """The lesson, its claim, what becomes of it, the checks and the mutants."""
    told = run("explain", "app.end-of-stream", cwd=tmp_path).stdout.decode()
    for part in ("app.end-of-stream", "The lesson says:", "That is wrong.", "Checks:", "Broken on purpose"):
        assert part in told


@pytest.mark.parametrize("args", [["list"], ["explain", "tcp"], ["graph"], ["--help"], ["run", "--help"]])
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, args: list[str]) -> None:
    """`testbed list | head -1` ends quietly, as SIGPIPE would, and not as a check that failed."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as deaf:
        answer = subprocess.run(
            [sys.executable, "-m", "testbed", *args],
            stdout=deaf, stderr=subprocess.PIPE, check=False, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert (answer.returncode, answer.stderr) == (141, b"")


def test_graphs_need_no_engine(tmp_path: Path) -> None:
    """The shipped lab is drawn as text, Mermaid, SVG and JSON, without an engine."""
    drawn = {form: run("graph", "--format", form, cwd=tmp_path, DOCKER_HOST=NO_ENGINE).stdout for form in
             ("text", "mermaid", "svg", "json")}  # fmt: skip
    assert b"172.16.10.10" in drawn["text"]
    assert drawn["mermaid"].startswith(b"flowchart")
    assert b"<svg" in drawn["svg"][:100]
    assert json.loads(drawn["json"])["schema_version"] == 1


def test_an_encoding_without_boxes_gets_ascii(tmp_path: Path) -> None:
    """On a terminal that knows ASCII alone nothing fails and nothing is garbled."""
    answer = run("graph", cwd=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert answer.returncode == 0
    assert answer.stdout.isascii()


def test_decode_shows_every_frame(capture: Path) -> None:
    """A line for each frame, the comments below theirs; as JSON an object for each."""
    lines = run("decode", str(capture)).stdout.decode().splitlines()
    frames = [line for line in lines if re.match(r" +\d+ ", line)]
    assert len(frames) == len(story.evidence().frames)
    assert "who-has 172.16.10.1" in frames[1]
    assert lines[lines.index(frames[1]) + 1].strip() == "story asks: passed"
    documents = json.loads(run("decode", str(capture), "--format", "json").stdout)
    assert [one["number"] for one in documents] == list(range(1, len(frames) + 1))
    assert documents[3]["tcp"]["syn"] is True
    for one in documents:
        ends = [layer["end"] for layer in one["layers"]]
        assert ends[-1] == one["length"]


@pytest.mark.parametrize(
    ("form", "begins"), [("ladder", "time"), ("mermaid", "sequenceDiagram"), ("svg", "<?xml")]
)
def test_decode_draws_ladders(capture: Path, form: str, begins: str) -> None:
    """Any capture becomes a ladder: as text, Mermaid and SVG."""
    answer = run("decode", str(capture), "--format", form)
    assert answer.returncode == 0
    assert answer.stdout.decode().lstrip().startswith(begins)


def test_decode_reads_a_pipe_and_what_breaks_off(capture: Path) -> None:
    """What stands before the break is shown; that it breaks off is said, with exit code 4."""
    whole = capture.read_bytes()
    answer = run("decode", "-", stdin=whole[:-20])
    assert answer.returncode == 4
    assert b"breaks off" in answer.stderr
    assert len(answer.stdout.splitlines()) >= len(story.evidence().frames) - 1


def test_no_colours_and_nothing_that_moves_in_a_pipe(capture: Path) -> None:
    """Output that is not a terminal's holds no escape sequences."""
    assert b"\x1b" not in run("decode", str(capture), "--format", "ladder", TERM="xterm-256color").stdout


def test_the_page_of_commands_names_them_all() -> None:
    """docs/commands.md leaves no command out."""
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"`{name}" not in page] == []
