"""What all tests share: in CI, a test that needs an engine is run or it fails."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.backends.engine_view import why_no_engine

pytest_plugins = ["pytester"]

# How long an example takes is the machine's affair, with CI set or not.
settings.register_profile("lab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lab")

HERE = Path(__file__).parent
WITH_ENGINE = ("backends", "cli", "docs", "integration", "plugin", "scenarios", "setup")
"""The suites that act on a real engine."""

CI = bool(os.environ.get("CI"))
if CI:
    os.environ.setdefault("TESTBED_REQUIRE_ENGINE", "1")


def pytest_configure() -> None:
    """Take signals as a shell's foreground does: who started the tests may have had them ignored.

    `nohup` does so, and a shell for what it runs in the background; every child inherits it.
    """
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, what was skipped for want of an engine was not tested: that is a failure."""
    report = yield
    wanted = report.skipped and not hasattr(report, "wasxfail")
    if CI and wanted and item.path.relative_to(HERE).parts[0] in WITH_ENGINE:
        report.outcome = "failed"
        report.longrepr = f"skipped, which in CI it must not be: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def artefacts(pytestconfig: pytest.Config) -> Path:
    """Where screenshots are left."""
    folder = pytestconfig.rootpath / ".testbed" / "artefacts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip, with the reason, where no engine answers: for what does not ask for a lab of the plugin's."""
    if reason := why_no_engine():
        pytest.skip(f"needs a Docker engine: {reason}")
