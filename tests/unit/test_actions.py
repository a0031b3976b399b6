"""What is written down of what was done."""

from __future__ import annotations

import contextlib
import errno
import hashlib

import pytest

from testbed.actions import Journal, name_of_error
from testbed.errors import ProbeDied


def test_an_action_that_fails_is_written_down_and_raised() -> None:
    """A refused connection is evidence, not an accident."""
    journal = Journal()
    journal.keeping = True
    with pytest.raises(ConnectionRefusedError), journal.doing("client", "connect", {"port": 9}):
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    (action,), _ = journal.take()
    assert (action.node, action.name, action.error, action.message) == (
        "client", "connect", "ECONNREFUSED", "Connection refused",
    )  # fmt: skip
    assert action.begin_ns <= action.end_ns


def test_actions_bear_the_step_in_which_they_began() -> None:
    """Steps nest; what is after a step is not in it."""
    journal = Journal()
    journal.keeping = True
    with journal.step("outer"):
        with journal.step("inner"), journal.doing("a", "one", {}):
            pass
        with journal.doing("a", "two", {}):
            pass
    with journal.doing("a", "three", {}):
        pass
    actions, steps = journal.take()
    assert [(one.name, one.step) for one in actions] == [("one", "inner"), ("two", "outer"), ("three", None)]
    assert [one.name for one in steps] == ["outer", "inner"]
    assert journal.take() == ((), ())


def test_nothing_is_kept_while_nothing_is_recorded() -> None:
    """A lab that is used without a recording gathers no memory."""
    journal = Journal()
    with journal.doing("a", "one", {}):
        pass
    assert journal.take() == ((), ())


def test_a_long_value_is_kept_as_its_length_and_hash() -> None:
    """A transfer of a mebibyte is in the capture; the action says what it was."""
    journal = Journal()
    journal.keeping = True
    data = b"x" * 1_000_000
    with journal.doing("a", "send", {"data": data, "short": b"y"}) as doing:
        doing.result = [data]
    (action,), _ = journal.take()
    told = {"length": 1_000_000, "sha256": hashlib.sha256(data).hexdigest()}
    assert action.arguments == {"data": told, "short": b"y"}
    assert action.result == [told]


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (TimeoutError("not in 3 s"), "deadline"),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), "ETIMEDOUT"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "EHOSTUNREACH"),
        (OSError(99999, "odd"), "OSError"),
        (ProbeDied("x"), "ProbeDied"),
    ],
)
def test_an_error_is_named_as_the_manual_names_it(error: BaseException, name: str) -> None:
    """Our own time limit is told apart from the kernel's verdict."""
    assert name_of_error(error)[0] == name


def test_a_defect_is_named_too() -> None:
    """Whatever ends an action, the recording does not say that it went well."""
    journal = Journal()
    journal.keeping = True
    with contextlib.suppress(ZeroDivisionError), journal.doing("a", "one", {}):
        raise ZeroDivisionError
    (action,), _ = journal.take()
    assert action.error == "ZeroDivisionError"
