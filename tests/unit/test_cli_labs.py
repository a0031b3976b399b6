"""Which lab is meant where none is named."""

from __future__ import annotations

from typing import cast

import pytest

from testbed.backends.base import Backend, LabStatus
from testbed.backends.owner import Liveness
from testbed.cli.labs import only_one, only_one_to_remove
from testbed.errors import LabNotFound, UsageError


class Labs:
    """A backend that has labs: `NAME` is left up, `NAME*` is a process's, `NAME!` is left behind."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def list(self) -> list[LabStatus]:
        """What there is."""
        return [
            LabStatus(
                name.rstrip("*!"),
                "",
                "",
                "",
                Liveness.LIVE if "*" in name else Liveness.DETACHED,
                "!" in name,
            )
            for name in self._names
        ]


def having(*names: str) -> Backend:
    """A backend that has these labs."""
    return cast(Backend, Labs(*names))


@pytest.mark.parametrize(
    ("labs", "meant"),
    [
        (["one"], "one"),
        (["one*"], "one"),
        (["one", "old!"], "one"),
        (["lab", "second"], "lab"),
        (["one", "run-1*", "run-2*"], "one"),
    ],
)
def test_the_lab_that_is_meant(labs: list[str], meant: str) -> None:
    """The default one, the only one left up, or the only one at all."""
    assert only_one(having(*labs)).name == meant


@pytest.mark.parametrize("labs", [["one", "two"], ["one*", "two*"]])
def test_of_several_none_is_guessed(labs: list[str]) -> None:
    """Two that could be meant: refused, with both names."""
    with pytest.raises(UsageError, match="one, two"):
        only_one(having(*labs))


@pytest.mark.parametrize(
    ("labs", "meant"), [(["one"], "one"), (["one*", "old!"], "one"), (["lab", "run-1*"], "lab")]
)
def test_the_lab_that_is_taken_down(labs: list[str], meant: str) -> None:
    """The default one, or the only one at all."""
    assert only_one_to_remove(having(*labs)).name == meant


def test_nothing_is_taken_down_by_a_guess() -> None:
    """A lab left up beside those of processes under way is not "the only one": it is not removed."""
    with pytest.raises(UsageError, match="left, run-1, run-2"):
        only_one_to_remove(having("left", "run-1*", "run-2*"))


def test_no_lab_is_up() -> None:
    """What was left behind is none that could be meant."""
    with pytest.raises(LabNotFound, match="testbed up -d"):
        only_one(having("old!"))
