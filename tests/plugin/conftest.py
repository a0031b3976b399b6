"""Pytest runs of their own, in a process and a folder of their own, on real labs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def outer(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest on a file of tests, as a user does: the package is installed, and that is all."""
    for name in ("PYTEST_ADDOPTS", "TESTBED_NET", "TESTBED_REQUIRE_ENGINE", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)

    def outer(tests: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_inner=tests)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)

    return outer
