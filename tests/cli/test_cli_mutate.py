"""`testbed mutate`: which mutant turns which check red, and what is not as declared."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.calling import call
from tests.cli.conftest import succeeded

WRONG = '''
from testbed import Claim, Edit, Finding, Layer, Mutant, Scenario, check, expect_some

class Wrong(Scenario):
    """Its mutants do not do what they declare."""
    id = "test.wrong"
    layer = Layer.TRANSPORT
    claim = Claim("a connection is opened")

    def act(self, lab):
        lab.client.connect(lab.server, 8888).close()

    @check("a SYN is sent")
    def syn(self, seen) -> Finding:
        return expect_some(seen.at("client:lan-a").tcp.syns)

    @check("the SYN arrives")
    def arrives(self, seen) -> Finding:
        return expect_some(seen.at("server:lan-b").tcp.syns)

    mutants = (
        Mutant("nothing is broken", lambda lab: None, kills=(arrives,)),
        Edit("all is lost", lambda seen: seen.map_frames(lambda f: f if f.is_marker else None), kills=(syn,)),
    )
'''


def test_mutants_turn_red_what_they_declare(folder: Path) -> None:
    """A shipped scenario, its network broken and its recording edited: each turns red its own, exit 0."""
    found = json.loads(succeeded(call("mutate", "tcp.reset", "--format", "json", cwd=folder)))
    (one,) = found
    assert one["status"] == "passed"
    assert {mutant["live"] for mutant in one["mutants"]} == {True, False}
    for mutant in one["mutants"]:
        assert mutant["red"] == mutant["kills"]


def test_what_is_not_as_declared_is_told(folder: Path) -> None:
    """A mutant that kills nothing and one that kills too much: exit 1, each with the check's name."""
    path = folder / "wrong.py"
    path.write_text(WRONG)
    called = call("mutate", str(path), cwd=folder)
    assert called.status == 1
    assert "mutant 'nothing is broken' leaves arrives passed" in called.stdout
    assert "mutant 'all is lost' turns arrives red, undeclared" in called.stdout


def test_the_matrix_for_the_docs(folder: Path) -> None:
    """As Markdown: a table with a row for each check and a column for each mutant."""
    told = succeeded(call("mutate", "tcp.reset", "--format", "markdown", cwd=folder))
    assert told.startswith("# ")
    assert "3 of 3 mutants turn red" in told
    assert "\n## tcp.reset\n" in told
    assert "| refused_with_reset | ✗ |" in told
