"""The undo stack: nothing forgotten, nothing done twice, nothing swallowed."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from testbed.errors import LabFailed, ProbeDied
from testbed.undo import Undo, UndoStack


def fail(error: Exception) -> None:
    """Fail to undo."""
    raise error


def undo_all(undos: list[Undo]) -> None:
    """Undo each."""
    for undo in undos:
        undo()


def test_the_last_change_is_undone_first() -> None:
    """As in every stack."""
    done: list[int] = []
    stack = UndoStack()
    for number in range(3):
        stack.push(f"change {number}", partial(done.append, number))
    stack.unwind()
    assert done == [2, 1, 0]
    assert len(stack) == 0


def test_what_is_undone_by_hand_is_not_undone_again() -> None:
    """A fault that was healed stays healed."""
    done: list[str] = []
    stack = UndoStack()
    undo = stack.push("a cut", lambda: done.append("healed"))
    assert undo.pending
    undo()
    undo()
    stack.unwind()
    assert done == ["healed"]


def test_all_failures_are_raised_together_and_stop_nobody() -> None:
    """One error names them all, and holds them as its cause."""
    done: list[str] = []
    stack = UndoStack()
    stack.push("first", lambda: done.append("first"))
    stack.push("second", lambda: fail(OSError("no such device")))
    stack.push("third", lambda: fail(ValueError("nonsense")))
    with pytest.raises(
        LabFailed, match=r"2 could not be undone:\n  third: .*nonsense\n  second: .*device"
    ) as caught:
        stack.unwind()
    assert done == ["first"]
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    assert len(caught.value.__cause__.exceptions) == 2


def test_a_scope_undoes_its_own_and_no_more() -> None:
    """A scenario's faults go at its end, the lab's stay."""
    done: list[str] = []
    stack = UndoStack()
    stack.push("outer", lambda: done.append("outer"))
    with stack.scope():
        stack.push("inner", lambda: done.append("inner"))
    assert done == ["inner"]
    stack.unwind()
    assert done == ["inner", "outer"]


def test_a_scope_undoes_when_its_block_fails() -> None:
    """And the block's own error is the one that is raised."""
    done: list[str] = []
    stack = UndoStack()

    def scenario() -> None:
        with stack.scope():
            stack.push("inner", lambda: done.append("inner"))
            raise KeyError

    with pytest.raises(KeyError):
        scenario()
    assert done == ["inner"]


def test_what_went_with_its_node_needs_no_undo() -> None:
    """When a lab is taken down, a node that has gone is no failure."""
    stack = UndoStack()
    stack.push("a fault on a killed node", lambda: fail(ProbeDied("undo", "gone")))
    stack.unwind(gone=(ProbeDied,))
    assert len(stack) == 0


def test_an_undo_that_pushes_another_is_followed() -> None:
    """The stack is empty when unwind returns, whatever came onto it meanwhile."""
    done: list[str] = []
    stack = UndoStack()
    stack.push("first", lambda: stack.push("second", lambda: done.append("second")))
    stack.unwind()
    assert done == ["second"]


def test_threads_that_undo_at_once_do_it_once() -> None:
    """Faults are placed and healed from many threads."""
    done: list[int] = []
    stack = UndoStack()
    undos = [stack.push(str(number), partial(done.append, number)) for number in range(200)]
    threads = [threading.Thread(target=undo_all, args=(undos,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    stack.unwind()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(200))


def test_an_undo_can_be_forgotten() -> None:
    """When what was changed has been changed back in another way."""
    stack = UndoStack()
    stack.callback(lambda: fail(AssertionError("must not run"))).forget()
    stack.unwind()
