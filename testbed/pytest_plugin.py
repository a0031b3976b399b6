"""The pytest plugin: a running lab as a fixture, options for it, and what a failed test shows of it.

Loaded in every pytest run of whoever installed the package. So it imports nothing but pytest until
a test asks for a lab, and says nothing where none does. `testbed.pytest` does the work.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from testbed.lab import Lab
    from testbed.node import Node
    from testbed.pytest.session import LabSession
    from testbed.recorder import Recording

MARKER = "lab_nodes(*names): run the test once for each of these nodes, or of all; `node` is the one"
FILE = "lab_file"
BACKENDS = ("docker",)
RECORD = ("all", "asked")
KEEP = ("never", "failed", "always")

TIME_TO_TAKE_DOWN = 60
"""Seconds that a worker of xdist's has to end when all is interrupted; xdist itself kills it after 10."""

SESSION: pytest.StashKey[LabSession] = pytest.StashKey()
KEPT: pytest.StashKey[list[str]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options, and `lab_file` for the configuration file."""
    group = parser.getgroup("testbed", "network labs")
    group.addoption("--lab-file", metavar="FILE", help="the Compose file that `lab` runs")
    group.addoption("--lab-backend", choices=BACKENDS, default=BACKENDS[0], help="what runs it (docker)")
    group.addoption(
        "--lab-keep", choices=KEEP, default=KEEP[0], help="when to leave the lab up at the end (never)"
    )
    group.addoption(
        "--lab-record", choices=RECORD, default=RECORD[0],
        help="record every test that uses the lab, or those only that ask for `record` (all)",
    )  # fmt: skip
    parser.addini(FILE, "the Compose file that the fixture `lab` runs, as seen from the configuration file")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse at once what can be seen to be wrong at once."""
    config.addinivalue_line("markers", MARKER)
    config.stash[KEPT] = []
    if config.pluginmanager.hasplugin("pytest11.testinfra") or config.pluginmanager.hasplugin("testinfra"):
        _tell_testinfra()
    given = lab_file(config)
    if given is not None and not given.exists():
        raise pytest.UsageError(f"the lab's Compose file is not there: {given}")


def _tell_testinfra() -> None:
    """Make `testbed://NODE` known; hosts are named when tests are collected, long before there is a lab."""
    from testinfra.backend import BACKENDS

    BACKENDS["testbed"] = "testbed.testinfra.NodeBackend"


def lab_file(config: pytest.Config) -> Path | None:
    """The Compose file, or its folder, that was asked for; None for this folder's or the shipped one."""
    if config.option.lab_file:
        return Path(config.invocation_params.dir, config.option.lab_file)
    declared = str(config.getini(FILE) or "")
    return Path(config.inipath.parent if config.inipath else config.rootpath, declared) if declared else None


def session_of(config: pytest.Config) -> LabSession:
    """The labs of this pytest process; made when somebody first needs it."""
    if SESSION not in config.stash:
        from testbed.pytest.session import LabSession

        config.stash[SESSION] = LabSession(config, lab_file(config))
    return config.stash[SESSION]


# -- fixtures


@pytest.fixture(scope="session")
def lab(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A running lab, shared by all tests; what a test changes on it is undone when the test ends."""
    session = session_of(pytestconfig)
    yield session.up()
    session.down(failed=request.session.testsfailed > 0)


@pytest.fixture
def node(request: pytest.FixtureRequest, lab: Lab) -> Node | Callable[[str], Node]:
    """The node that the marker `lab_nodes` chose; without it, a function from a name to a node."""
    return lab[request.param] if hasattr(request, "param") else lab.__getitem__


@pytest.fixture
def record(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config, lab: Lab
) -> Callable[..., AbstractContextManager[Recording]]:
    """What records the traffic of a block.

    `with record("what happens") as recording: …`, and then `recording.evidence`.
    """
    recordings = session_of(pytestconfig).recordings_of(request.node)
    return functools.partial(recordings.taking, lab)


@pytest.fixture(autouse=True)
def _lab_stays_as_it_was(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Iterator[None]:
    """Undo what a test changes on the lab; set up before all other fixtures of the test alone."""
    if _is_on_a_node(request.node):
        request.getfixturevalue("lab")
    if SESSION in pytestconfig.stash:
        with session_of(pytestconfig).changes_undone(request.fixturenames):
            yield
    else:
        yield
        if SESSION in pytestconfig.stash:  # the test asked for the lab by `request.getfixturevalue`
            session_of(pytestconfig).undo()


def _is_on_a_node(item: pytest.Item) -> bool:
    """Whether testinfra's `host` is a node of the lab in this test."""
    host = getattr(getattr(item, "callspec", None), "params", {}).get("_testinfra_host")
    return host is not None and bool(host.backend.NAME == "testbed")


# -- hooks


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test marked `lab_nodes` once for each node."""
    marker = metafunc.definition.get_closest_marker("lab_nodes")
    if marker is not None and "node" in metafunc.fixturenames:
        names = marker.args or session_of(metafunc.config).declared_nodes()
        metafunc.parametrize("node", names, indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Record a test that uses the lab and does not record by itself."""
    session = item.config.stash.get(SESSION, None)
    if session is None:
        return (yield)
    with session.recorded(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failed test what was recorded of it, and where that lies."""
    report = yield
    session = item.config.stash.get(SESSION, None)
    if session is not None and report.failed:
        report.sections.extend(session.recordings_of(item).told())
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Say, to the controller where there is one, which lab is left up."""
    labs = session.config.stash.get(SESSION, None)
    if labs is not None:
        session.config.stash[KEPT].extend(labs.kept)
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["testbed_kept"] = labs.kept


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give a worker of xdist's the time to take its lab down."""
    node.nodemanager.EXIT_TIMEOUT = max(node.nodemanager.EXIT_TIMEOUT, TIME_TO_TAKE_DOWN)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """Take from a worker of xdist's what it left up."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    config.stash[KEPT].extend(getattr(node, "workeroutput", {}).get("testbed_kept", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell how to look at the labs that are left up."""
    for name in config.stash[KEPT]:
        terminalreporter.section(f"lab {name} is left up", sep="-")
        terminalreporter.line(f"testbed run --attach {name}")
        terminalreporter.line(f"testbed exec --name {name} NODE -- COMMAND")
        terminalreporter.line(f"testbed down {name}")
