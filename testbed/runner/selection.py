"""Which scenarios are meant: ids, families, files, entry points, and an expression that narrows them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from testbed.errors import InvalidScenario, NothingSelected, UsageError
from testbed.runner import expression
from testbed.scenario import Scenario, builtin_ids, load, load_entry_points, load_file

SHIPPED = "shipped"
ENTRY_POINT = "entry point"


@dataclass(frozen=True, slots=True)
class Selected:
    """A scenario and where it comes from: `shipped`, `entry point`, or the path of a file."""

    scenario: type[Scenario]
    source: str = SHIPPED


def select(wanted: Sequence[str] = (), narrowed: str = "") -> list[Selected]:
    """Find the scenarios that `wanted` names, or all shipped and installed ones; then narrow them by -k.

    wanted: ids (`tcp.close`), families (`tcp`), patterns (`tcp.*`), files (`./mine.py`).
    Raises UsageError for a name that fits nothing, InvalidScenario for a file that does not
    load, NothingSelected when nothing is left.
    """
    fits = expression.parse(narrowed) if narrowed else None
    found = [item for name in wanted for item in _named(name)] if wanted else _all()
    unique = _without_repeats(found)
    kept = [item for item in unique if fits is None or fits(_words(item.scenario))]
    if not kept:
        of = f"-k {narrowed!r} fits none of {len(unique)} scenarios" if narrowed else "there are no scenarios"
        raise NothingSelected("select scenarios", of, "`testbed list` shows all of them")
    return kept


def _all() -> list[Selected]:
    shipped = [Selected(load(name)) for name in builtin_ids()]
    return shipped + [Selected(scenario, ENTRY_POINT) for scenario in load_entry_points()]


def _named(name: str) -> list[Selected]:
    if name.endswith(".py") or "/" in name:
        path = Path(name).absolute()
        return [Selected(scenario, str(path)) for scenario in load_file(path)]
    shipped = [known for known in builtin_ids() if _fits(known, name)]
    if shipped:
        return [Selected(load(known)) for known in shipped]
    installed = load_entry_points()
    found = [Selected(scenario, ENTRY_POINT) for scenario in installed if _fits(scenario.id, name)]
    if not found:
        known = [*builtin_ids(), *(scenario.id for scenario in installed)]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "`testbed list` shows them; a file's name ends in .py"
        raise UsageError(f"select scenario {name!r}", "there is none of that id", hint)
    return found


def _fits(known: str, name: str) -> bool:
    return known == name or known.startswith(f"{name}.") or fnmatchcase(known, name)


def _words(scenario: type[Scenario]) -> str:
    return f"{scenario.id} {scenario.layer} {scenario.title()}"


def _without_repeats(found: Iterable[Selected]) -> list[Selected]:
    """Each scenario once; two different ones with one id are a mistake."""
    kept: dict[str, Selected] = {}
    for item in found:
        other = kept.setdefault(item.scenario.id, item)
        if other.source != item.source:
            raise InvalidScenario(
                "select scenarios",
                f"{item.scenario.id!r} is in {other.source} and in {item.source}",
                "give one of them another id",
            )
    return list(kept.values())
