"""What the runner promises without a lab: selection, order, time limits, and what an ending means."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest

from testbed.checks import Finding, Status, check, expect, expect_some
from testbed.errors import DeadlinePassed, Interrupted, InvalidScenario, NothingSelected, UsageError
from testbed.evidence import Evidence
from testbed.falsify import Falsification, Trial, edits_of, falsification
from testbed.results import Result, RunResult
from testbed.runner.judging import Ending, judge
from testbed.runner.plan import Task, plan
from testbed.runner.schedule import Schedule, Up
from testbed.runner.selection import Selected, select
from testbed.runner.undone import differences
from testbed.runner.watch import Watched
from testbed.scenario import Claim, Edit, Layer, Mutant, Scenario
from testbed.scenarios import edits
from tests.unit import story

MINE = '''
"""Mine."""
from testbed import Claim, Finding, Layer, Scenario, check, expect
class Mine(Scenario):
    """My own."""
    id = "mine.own"
    layer = Layer.LINK
    claim = Claim("it works")
    def act(self, lab): ...
    @check("it works")
    def works(self, seen) -> Finding:
        return expect(1, 1, cite=())
'''


class Story(Scenario):
    """A client asks, connects and talks."""

    id = "unit.story"
    layer = Layer.TRANSPORT
    claim = Claim("it talks")

    @check("it asks who has the gateway's address")
    def asks(self, seen: Evidence) -> Finding:
        return expect_some(seen.at("client:lan-a").arp.requests())

    @check("it says hello")
    def says_hello(self, seen: Evidence) -> Finding:
        said = seen.at("client:lan-a").tcp.sent
        return expect(said.payload, b"hello", cite=said)

    mutants: ClassVar[tuple[Mutant | Edit, ...]] = (
        Edit("nobody asks", edits.dropped(lambda seen: seen.at("client:lan-a").arp), kills=(asks,)),
        Mutant("it is dumb", lambda lab: None, kills=(says_hello,)),
    )


# -- selection


def test_families_patterns_and_files(tmp_path: Path) -> None:
    """An id, a family, a pattern and a file select, each scenario once, in the order given."""
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    ids = [item.scenario.id for item in select(["tcp.reset", str(path), "tcp", "arp.*"])]
    assert ids[:2] == ["tcp.reset", "mine.own"]
    assert {"tcp.close", "tcp.handshake", "arp.same-lan", "arp.via-gateway"} <= set(ids)
    assert len(ids) == len(set(ids))


def test_expression_narrows_by_id_layer_and_title() -> None:
    """-k looks at the id, the layer and the words of the title."""
    assert {item.scenario.layer for item in select((), "transport")} == {Layer.TRANSPORT}
    assert [item.scenario.id for item in select((), "loopback and network")] == ["ip.loopback"]


def test_a_wrong_name_suggests_the_right_one() -> None:
    """A mistyped id is refused, with the nearest one."""
    with pytest.raises(UsageError, match=r"did you mean tcp\.handshake"):
        select(["tcp.handshke"])


def test_nothing_left_is_said() -> None:
    """An expression that fits nothing is not a run of nothing."""
    with pytest.raises(NothingSelected, match="fits none"):
        select((), "tcp and not tcp")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1/0", "ZeroDivisionError"),
        ("x = 1", "holds no Scenario"),
        (MINE.replace("def act(self, lab): ...", ""), "no act"),
    ],
)
def test_a_file_that_does_not_load_says_why(tmp_path: Path, text: str, told: str) -> None:
    """A user's file with a mistake is refused with the mistake, not with a trace."""
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(InvalidScenario, match=told):
        select([str(path)])


def test_one_id_in_two_files_is_refused(tmp_path: Path) -> None:
    """Two scenarios of one name could not be told apart in a report."""
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(MINE)
    with pytest.raises(InvalidScenario, match=r"one\.py.*two\.py"):
        select([str(tmp_path / "one.py"), str(tmp_path / "two.py")])


# -- order


def test_later_rounds_take_another_order_that_the_seed_repeats() -> None:
    """The first round keeps the order; later ones shuffle, the same for the same seed."""
    selection = [item for item in select() if item.scenario.topology is None]
    file = Path("compose.yaml")

    def order(seed: int, number: int) -> list[str]:
        return [task.scenario.id for task in plan(selection, file, 3, seed) if task.round == number]

    listed = [item.scenario.id for item in selection]
    assert order(1, 1) == listed
    assert sorted(order(1, 2)) == sorted(listed)
    assert order(1, 2) == order(1, 2)
    assert len({tuple(order(seed, 2)) for seed in range(5)}) > 1


# -- time limits


def test_an_act_that_never_ends_is_ended_and_says_where_it_was() -> None:
    """After its time a scenario is stopped, even one that catches every Exception, and its line is told."""
    begun = threading.Event()

    def waits() -> None:
        begun.set()
        while True:
            with contextlib.suppress(Exception):
                time.sleep(0.01)  # here it hangs

    act = Watched(waits, "act unit.hang", __file__)
    assert begun.wait(30)
    with pytest.raises(DeadlinePassed, match="here it hangs"):
        act.wait(0.2, threading.Event())
    assert act.overdue
    assert act.stop()


def test_an_interrupt_ends_an_act() -> None:
    """When the run is to stop, the act is stopped and says so."""
    stop = threading.Event()

    def goes_on() -> None:
        while True:
            time.sleep(0.01)

    act = Watched(goes_on, "act unit.long", __file__)
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(Interrupted):
        act.wait(None, stop)
    assert act.stop()


def test_what_an_act_raises_is_raised_where_it_is_waited_for() -> None:
    """Its own TimeoutError is not taken for ours."""

    def fails() -> None:
        raise TimeoutError("timed out")

    act = Watched(fails, "act", __file__)
    with pytest.raises(TimeoutError, match="timed out"):
        act.wait(5, threading.Event())
    assert not act.overdue


# -- what an ending means


def test_an_act_that_went_well_is_judged_by_its_checks() -> None:
    """Green checks make a green verdict."""
    assert judge(Story, Ending(), story.evidence()).status is Status.PASSED


def test_green_checks_of_half_an_act_are_unknown() -> None:
    """An act that broke off did not provoke all that was to be seen: that is never passed."""
    verdict = judge(Story, Ending("ConnectionRefusedError: refused"), story.evidence())
    assert verdict.status is Status.UNKNOWN
    assert verdict.of("acted").finding.reason == "ConnectionRefusedError: refused"


def test_red_checks_of_half_an_act_are_red() -> None:
    """A refused connection is evidence: on a broken network the checks say what is broken."""
    seen = story.evidence().map_frames(lambda frame: frame if frame.packet.arp is None else None)
    verdict = judge(Story, Ending("ConnectionRefusedError: refused"), seen)
    assert verdict.failed == {"asks"}
    assert "ended early" in verdict.reason


def test_what_was_broken_off_is_unknown_and_what_is_unsupported_skipped() -> None:
    """Neither a scenario that crashed nor one that could not run gets a verdict of its checks."""
    crashed = judge(Story, Ending("ZeroDivisionError", judged=False), story.evidence())
    assert (crashed.status, crashed.checks) == (Status.UNKNOWN, ())
    lacking = judge(Story, Ending("no sch_netem", judged=False, skipped=True), story.evidence())
    assert lacking.status is Status.SKIPPED
    assert judge(Story, Ending(), None).status is Status.UNKNOWN


def result(status: Status, number: int = 1) -> Result:
    """A result that ended so."""
    ending = {
        Status.PASSED: Ending(),
        Status.UNKNOWN: Ending("broke", judged=False),
        Status.SKIPPED: Ending("lacks", skipped=True),
    }
    evidence = story.evidence()
    if status is Status.FAILED:
        evidence = evidence.map_frames(lambda frame: frame if frame.packet.arp is None else None)
    return Result(Story, judge(Story, ending.get(status, Ending()), evidence), round=number)


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ((Status.PASSED,), 0),
        ((Status.PASSED, Status.SKIPPED), 0),
        ((Status.SKIPPED,), 0),
        ((Status.PASSED, Status.UNKNOWN), 3),
        ((Status.UNKNOWN, Status.FAILED), 1),
    ],
)
def test_exit_codes(statuses: tuple[Status, ...], code: int) -> None:
    """Failed goes before unknown, unknown before passed; what was skipped does not count."""
    assert RunResult("r", tuple(map(result, statuses))).exit_code == code


def test_rounds_that_differ_are_told() -> None:
    """A verdict that is not the same in every round is named, with its values in order."""
    run = RunResult("r", (result(Status.PASSED, 1), result(Status.FAILED, 2)))
    assert run.unstable() == {"unit.story": ["passed", "failed"], "unit.story.asks": ["passed", "failed"]}


# -- whether a lab is as it was


def test_what_was_not_undone_is_told() -> None:
    """Each thing that is new or gone is a sentence with its node."""
    before = {"client": frozenset(["eth0 up"]), "server": frozenset(["a"])}
    after = {"client": frozenset(["eth0 down"]), "server": frozenset(["a"])}
    assert differences(before, after) == ["client: gone: eth0 up", "client: new: eth0 down"]
    assert differences(before, before) == []


# -- mutants


def falsified(live: frozenset[str]) -> Falsification:
    """The story's falsification, its live mutant having turned these checks red."""
    seen = story.evidence()
    if "says_hello" in live:
        seen = seen.map_frames(lambda frame: frame if not frame.packet.payload or frame.is_marker else None)
    if "asks" in live:
        seen = seen.map_frames(lambda frame: frame if frame.packet.arp is None else None)
    trial = Trial(Story.mutants[1], Story().judge(seen))
    return falsification(Story, Story().judge(story.evidence()), story.evidence(), {"it is dumb": trial})


def test_mutants_that_kill_what_they_declare_are_sound() -> None:
    """Exactly the declared checks turn red, and each check is turned red by one."""
    found = falsified(frozenset(["says_hello"]))
    assert (found.status, found.faults) == (Status.PASSED, [])


def test_a_mutant_that_kills_too_little_or_too_much_is_told() -> None:
    """A check that stays green though declared, and one that turns red undeclared, are both faults."""
    survived = falsified(frozenset())
    assert survived.status is Status.FAILED
    assert survived.faults == [
        "mutant 'it is dumb' leaves says_hello passed",
        "no mutant turns says_hello red",
    ]
    assert "turns asks red, undeclared" in falsified(frozenset(["says_hello", "asks"])).faults[0]


def test_an_edit_that_crashes_is_a_problem_of_its_own() -> None:
    """It costs neither the other mutants nor the run."""

    def crashes(seen: Evidence) -> Evidence:
        raise LookupError("no such frame")

    class Broken(Story):
        """Broken."""

        mutants = (Edit("crashes", crashes, kills=("asks",)),)

    (trial,) = edits_of(Broken, story.evidence())
    assert "the edit itself failed" in trial.problem
    assert not trial.as_declared


# -- what begins next


class Long(Story):
    """It waits for a minute."""

    id = "unit.long"
    long = 60.0


HERE, THERE = Path("here.yaml"), Path("there.yaml")


def task(scenario: type[Scenario] = Story, file: Path = HERE, number: int = 1) -> Task:
    """A task."""
    return Task(Selected(scenario), file, number)


def carried_out(schedule: Schedule[str]) -> list[str]:
    """Do what the schedule says until it says to wait; return it in words. Labs are named as they come up."""
    done: list[str] = []
    while (step := schedule.next()) is not None:
        if isinstance(step, Up):
            name = f"{step.file.stem}{len([line for line in done if line.startswith('up')])}"
            schedule.has_lab(step.file, name)
            done.append(f"up {name}")
        else:
            done.append(f"{step.task.scenario.id} on {step.lab}")
    return done


def test_one_after_another_on_one_lab() -> None:
    """With one job, the second scenario waits, and then takes the same lab."""
    first, second = task(), task(number=2)
    schedule: Schedule[str] = Schedule([first, second], jobs=1)
    assert carried_out(schedule) == ["up here0", "unit.story on here0"]
    schedule.ended(first)
    schedule.has_lab(HERE, "here0")
    assert schedule.unwanted() == []
    assert carried_out(schedule) == ["unit.story on here0"]
    schedule.ended(second)
    schedule.has_lab(HERE, "here0")
    assert schedule.unwanted() == ["here0"]
    assert schedule.over


def test_what_mostly_waits_begins_first_beside_the_others() -> None:
    """Long ones have labs of their own, and do not count as jobs."""
    schedule: Schedule[str] = Schedule([task(), task(Long), task(Long, number=2)], jobs=1)
    assert carried_out(schedule) == [
        "up here0", "unit.long on here0", "up here1", "unit.long on here1", "up here2", "unit.story on here2",
    ]  # fmt: skip


def test_a_lab_that_is_attached_serves_all_one_at_a_time() -> None:
    """No lab is brought up beside one that is attached to, not for long ones either."""
    first = task()
    schedule: Schedule[str] = Schedule([first, task(Long)], jobs=1, only="theirs")
    assert carried_out(schedule) == ["unit.story on theirs"]
    schedule.ended(first)
    schedule.has_lab(HERE, "theirs")
    assert carried_out(schedule) == ["unit.long on theirs"]
    assert schedule.unwanted() == []


def test_a_lab_that_does_not_come_up_costs_only_its_own() -> None:
    """What wanted it is given up; the rest goes on."""
    schedule: Schedule[str] = Schedule([task(file=THERE), task()], jobs=1)
    assert schedule.next() == Up(THERE)
    assert [one.file for one in schedule.give_up(THERE)] == [THERE]
    assert schedule.next() == Up(HERE)
