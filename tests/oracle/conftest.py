"""The oracle's tests need tshark."""

from __future__ import annotations

import pytest

from tests.oracle import tshark


@pytest.fixture(autouse=True)
def _with_tshark() -> None:
    if tshark.program() is None:
        pytest.skip("needs tshark: apt-get install tshark")
