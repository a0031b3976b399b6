"""When a lab is left over: the rules, on listings as the engine gives them."""

from __future__ import annotations

import pytest

from testbed.backends.base import DETACHED, Owner
from testbed.backends.docker import labels
from testbed.backends.docker.inventory import Container, Network, Run, abandoned
from testbed.backends.owner import boot_time

ALIVE = str(Owner.current())
DEAD = str(Owner(Owner.current().pid, 0, Owner.current().place))
ELSEWHERE = "1:1:another-boot/1"
NOW = 4e9
BEFORE_BOOT = (boot_time() or 0) - 1000


def run(owner: str, *states: str, starter: str = "", created: float = NOW) -> Run:
    """A lab whose nodes are in these states."""
    own = {labels.LAB: "x", labels.RUN: "1", labels.OWNER: owner, labels.STARTER: starter or owner}
    nodes = [
        Container(str(at), f"n{at}", state, "", created, {**own, labels.ROLE: labels.ROLE_NODE}, {})
        for at, state in enumerate(states)
    ]
    return Run("x", "1", nodes, [Network("n", "lan", own, ())])


@pytest.mark.parametrize("states", [("running", "running"), ("running", "exited"), ("created",), ()])
def test_a_lab_is_its_live_owners_whatever_state_it_is_in(states: tuple[str, ...]) -> None:
    """It may be in the middle of being started, or broken on purpose."""
    assert not run(ALIVE, *states).leftover


@pytest.mark.parametrize("states", [("running", "running"), ("exited",), ("created",), ()])
def test_a_dead_owners_lab_is_left_over(states: tuple[str, ...]) -> None:
    """However far it had come."""
    assert run(DEAD, *states).leftover


def test_a_detached_lab_stays_when_its_starter_has_ended() -> None:
    """That is what detached means; also when somebody stopped one of its nodes."""
    assert not run(DETACHED, "running", "running", starter=DEAD).leftover
    assert not run(DETACHED, "running", "exited", starter=DEAD).leftover


def test_a_detached_lab_whose_start_was_broken_off_is_left_over() -> None:
    """A node that was never started is one that its starter did not come to."""
    assert run(DETACHED, "running", "created", starter=DEAD).leftover
    assert run(DETACHED, starter=DEAD).leftover


def test_a_detached_lab_that_is_being_started_is_not() -> None:
    """Its starter lives."""
    assert not run(DETACHED, "running", "created", starter=ALIVE).leftover


def test_a_detached_lab_of_which_nothing_runs_is_left_over() -> None:
    """After the machine was started anew, say."""
    assert run(DETACHED, "exited", "exited", starter=DEAD).leftover


def test_another_machines_lab_is_not_ours_to_judge() -> None:
    """Several machines may use one engine."""
    assert not run(ELSEWHERE, "running").leftover
    assert not run(ELSEWHERE, "exited").leftover


def test_what_was_there_before_this_machine_was_started_and_does_not_run_is_left_over() -> None:
    """Its owner was a process of the time before."""
    assert run(ELSEWHERE, "exited", created=BEFORE_BOOT).leftover
    assert not run(ELSEWHERE, "running", created=BEFORE_BOOT).leftover


def test_a_dead_guests_probe_is_abandoned_and_the_lab_is_not() -> None:
    """Who attached to a lab and died leaves a probe; the lab is another's."""
    guest = {labels.LAB: "x", labels.RUN: "1", labels.OWNER: DEAD, labels.ROLE: labels.ROLE_PROBE}
    probe = Container("p", "probe", "running", "", NOW, guest, {})
    lab = run(ALIVE, "running")
    lab.containers.append(probe)
    assert abandoned(probe)
    assert not lab.leftover
    assert Run("x", "1", [probe]).leftover
