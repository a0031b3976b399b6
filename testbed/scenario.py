"""What a scenario is, how it is broken on purpose, and the lazy table of all of them.

A scenario acts on a lab while everything is recorded; when nothing more happens, its checks
judge the recording. Its mutants are broken networks, or edits of the recording, that must turn checks red.
"""

from __future__ import annotations

import enum
import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from testbed.checks import Check, CheckFunction, Verdict, checks_of, judge
from testbed.errors import InvalidScenario
from testbed.evidence import Evidence
from testbed.topology import Topology

if TYPE_CHECKING:  # judging needs no lab
    from testbed.lab import Lab


class Layer(enum.StrEnum):
    """The layer that a scenario is about, as RFC 1122 counts them, with the OSI model's numbers beside."""

    LINK = "link"  # OSI 1 and 2
    NETWORK = "network"  # OSI 3
    TRANSPORT = "transport"  # OSI 4
    APPLICATION = "application"  # OSI 5 to 7


class Holds(enum.StrEnum):
    """What becomes of a lesson's claim when it is looked at."""

    HOLDS = "holds"
    QUALIFIED = "qualified"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Claim:
    """What the lesson says, and what is true of it. reason: the condition, or what is true instead."""

    text: str
    verdict: Holds = Holds.HOLDS
    reason: str = ""


def _names(checks: Iterable[CheckFunction | str]) -> frozenset[str]:
    return frozenset(item if isinstance(item, str) else item.__name__ for item in checks)


class Mutant:
    """A network or a program broken in one way, run live.

    breaks: what to do to the lab before the scenario acts; the lab undoes it afterwards.
    settings: attributes of the scenario that take another value while it acts.
    kills: the checks that it must turn red, and no others.
    """

    live: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        breaks: Callable[[Lab], object] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        kills: Iterable[CheckFunction | str],
    ) -> None:
        self.name = name
        self.breaks = breaks
        self.settings = dict(settings or {})
        self.kills = _names(kills)

    def prepared(self, scenario: type[Scenario], lab: Lab) -> Scenario:
        """Break the lab, and return the scenario as it is to act on it."""
        for name in self.settings:
            if not hasattr(scenario, name):
                raise InvalidScenario(
                    f"prepare mutant {self.name!r} of {scenario.id}", f"it has no attribute {name!r}"
                )
        if self.breaks is not None:
            self.breaks(lab)
        instance = scenario()
        for name, value in self.settings.items():
            setattr(instance, name, value)
        return instance


class Edit:
    """An edit of the recording. kills: the checks that it must turn red, and no others."""

    live: ClassVar[bool] = False

    def __init__(
        self, name: str, edit: Callable[[Evidence], Evidence], kills: Iterable[CheckFunction | str]
    ) -> None:
        self.name = name
        self.edit = edit
        self.kills = _names(kills)


ACROSS = ("client:lan-a", "router:lan-a", "router:lan-b", "server:lan-b")
"""The vantage points of a talk across the default lab's router."""


class Scenario:
    """Base of all scenarios: the first line of a subclass's docstring is its title, the rest teaches.

    id: `family.name`. layer: what it is about. rfc: where the rules stand. claim: what the lesson says.
    places: the vantage points that it needs, `node:network`; a lab without them is not its own, and it
    is skipped there.
    topology: a Compose file of its own, beside the scenario; None for the default lab.
    mutants: how it is falsified.
    long: seconds of its longest single wait, where that is more than a few: such scenarios begin first,
    beside the others.
    wants: features, as `testbed doctor` names them, that not every machine has and it cannot run without.
    gains: such features that only a part of it needs -> the part that is skipped without.
    """

    id: ClassVar[str]
    layer: ClassVar[Layer]
    claim: ClassVar[Claim]
    rfc: ClassVar[tuple[str, ...]] = ()
    places: ClassVar[tuple[str, ...]] = ()
    topology: ClassVar[str | None] = None
    long: ClassVar[float] = 0
    wants: ClassVar[tuple[str, ...]] = ()
    gains: ClassVar[Mapping[str, str]] = {}
    mutants: ClassVar[tuple[Mutant | Edit, ...]] = ()

    def act(self, lab: Lab) -> None:
        """Provoke on the lab what is to be seen. Judges nothing; keeps nothing but what is recorded."""
        raise NotImplementedError

    @classmethod
    def title(cls) -> str:
        """The first line of its docstring."""
        return inspect.cleandoc(cls.__doc__ or cls.id).split("\n", 1)[0]

    @classmethod
    def checks(cls) -> tuple[Check, ...]:
        """Its checks, in the order in which they are written."""
        return checks_of(cls)

    @classmethod
    def misfit(cls, topology: Topology) -> str | None:
        """Why this scenario cannot run on a topology; None when it can."""
        have = {f"{node.name}:{i.network}" for node in topology.nodes for i in node.interfaces}
        wanting = [place for place in cls.places if place not in have]
        return f"it needs {', '.join(wanting)}, which this lab has not" if wanting else None

    def judge(self, evidence: Evidence) -> Verdict:
        """Judge a recording of this scenario."""
        return judge(self, evidence)


def defects(scenario: type[Scenario]) -> list[str]:
    """What is wrong with how a scenario is written: missing parts, checks without a mutant, unknown names."""
    found = [f"no {name}" for name in ("id", "layer", "claim") if not hasattr(scenario, name)]
    if not scenario.__doc__:
        found.append("no docstring")
    if scenario.act is Scenario.act:
        found.append("no act()")
    checks = {item.name for item in scenario.checks()}
    if not checks:
        found.append("no checks")
    for mutant in scenario.mutants:
        found += [
            f"mutant {mutant.name!r} kills {name!r}, which is no check" for name in mutant.kills - checks
        ]
        if not mutant.kills:
            found.append(f"mutant {mutant.name!r} kills nothing")
    killed = frozenset().union(*(mutant.kills for mutant in scenario.mutants))
    if scenario.mutants:
        found += [f"no mutant turns check {name!r} red" for name in sorted(checks - killed)]
    return found


# -- the table

PACKAGE = "testbed.scenarios"
ENTRY_POINTS = "testbed.scenarios"


def builtin_ids() -> tuple[str, ...]:
    """The ids of the shipped scenarios, read off the file names: nothing is imported."""
    package = importlib.util.find_spec(PACKAGE)
    assert package is not None
    assert package.submodule_search_locations is not None
    ids = []
    for family in pkgutil.iter_modules(package.submodule_search_locations):
        if family.ispkg:
            folder = [str(Path(place) / family.name) for place in package.submodule_search_locations]
            ids += [
                f"{family.name}.{module.name.replace('__', '.').replace('_', '-')}"
                for module in pkgutil.iter_modules(folder)
                if not module.name.startswith("_")
            ]
    return tuple(sorted(ids))


def load(name: str) -> type[Scenario]:
    """Import one shipped scenario by its id; InvalidScenario when there is none."""
    if name not in builtin_ids():
        raise InvalidScenario(
            f"load scenario {name!r}", "there is none of that id", "`testbed list` shows all"
        )
    family, _, rest = name.partition(".")
    module = importlib.import_module(f"{PACKAGE}.{family}.{rest.replace('.', '__').replace('-', '_')}")
    (scenario,) = scenarios_in(module)
    return scenario


def load_file(path: Path) -> list[type[Scenario]]:
    """Import the scenarios of a user's file; InvalidScenario says what is wrong with it."""
    attempted = f"load scenarios from {path}"
    if not path.is_file():
        raise InvalidScenario(attempted, "there is no such file")
    spec = importlib.util.spec_from_file_location(f"testbed_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InvalidScenario(attempted, "it is not a Python file", "its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as exc:
        raise InvalidScenario(attempted, f"{type(exc).__name__}: {exc}") from exc
    found = list(scenarios_in(module))
    if not found:
        raise InvalidScenario(attempted, "it holds no Scenario", "write `class Mine(testbed.Scenario)`")
    return [whole(scenario, attempted) for scenario in found]


def load_entry_points() -> list[type[Scenario]]:
    """Import the scenarios that installed packages offer under `testbed.scenarios`."""
    found = []
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        attempted = f"load scenario {entry.name!r} of entry point {entry.value}"
        try:
            loaded = entry.load()
        except Exception as exc:
            raise InvalidScenario(attempted, f"{type(exc).__name__}: {exc}") from exc
        if not (isinstance(loaded, type) and issubclass(loaded, Scenario)):
            raise InvalidScenario(
                attempted, f"it is {loaded!r}", "it must name a class derived from Scenario"
            )
        found.append(whole(loaded, attempted))
    return found


def whole(scenario: type[Scenario], attempted: str) -> type[Scenario]:
    """Return the scenario if nothing is wrong with how it is written; InvalidScenario otherwise."""
    wrong = defects(scenario)
    if wrong:
        raise InvalidScenario(attempted, f"{scenario.__name__}: {'; '.join(wrong)}")
    return scenario


def scenarios_in(module: Any) -> Iterator[type[Scenario]]:
    """The scenarios that a module defines itself, in the order in which they are written."""
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and issubclass(value, Scenario)
            and value.__module__ == module.__name__
            and hasattr(value, "id")
        ):
            yield value
