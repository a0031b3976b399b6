"""The catalogue as it is written: whole, found by its names, and every check with what turns it red."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.errors import InvalidScenario
from testbed.scenario import builtin_ids, defects, load, load_file

EIGHT = {
    "app.client-server",
    "app.end-of-stream",
    "arp.same-lan",
    "arp.via-gateway",
    "ip.loopback",
    "tcp.close",
    "tcp.handshake",
    "tcp.reset",
}


def test_the_catalogue_holds_the_first_eight() -> None:
    """These are promised by the README."""
    assert set(builtin_ids()) >= EIGHT


@pytest.mark.parametrize("name", builtin_ids())
def test_a_shipped_scenario_is_whole(name: str) -> None:
    """It has the id of its file, teaches, and has a mutant for each of its checks."""
    scenario = load(name)
    assert scenario.id == name
    assert defects(scenario) == []
    assert scenario.mutants, "nothing shows that its checks can fail"
    assert {check.name for check in scenario.checks()} == set().union(*(m.kills for m in scenario.mutants))
    lines = (scenario.__doc__ or "").strip().split("\n")
    assert lines[0].endswith("."), "the first line is its title, a sentence"
    assert len(lines) > 3, "the rest teaches"


def test_an_unknown_id_says_where_to_look() -> None:
    """A typing error is answered with what to do."""
    with pytest.raises(InvalidScenario, match="testbed list"):
        load("arp.nonsense")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 +", "SyntaxError"),
        ("x = 1", "holds no Scenario"),
        (
            "import testbed.scenario as s\nclass A(s.Scenario):\n    id = 'a.b'\n",
            "no docstring; no act(); no checks",
        ),
    ],
)
def test_a_users_file_that_is_not_valid_says_why(tmp_path: Path, text: str, said: str) -> None:
    """A scenario file of one's own is refused with what is wrong with it."""
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(InvalidScenario) as raised:
        load_file(path)
    assert said in str(raised.value)
