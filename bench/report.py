"""How long the HTML report takes to write, and how large it is: for as many scenarios as the catalogue has.

    python -m bench.report

The recordings are made here: forty scenarios, each with several connections and a transfer. Pages are
written from recordings that were judged already, as at the end of a run.
"""

from __future__ import annotations

import json
import time

from testbed.checks import Check, CheckVerdict, Finding, Status, Verdict
from testbed.evidence import Evidence
from testbed.report import html
from testbed.results import Result, RunResult
from testbed.scenario import Claim, Layer, Scenario
from tests.frames_builder import ACK, FIN
from tests.report.story import Story

SCENARIOS = 40
CONNECTIONS = 4
SEGMENTS = 30
SIZE_MOST_MB = 5.0
TIME_MOST_S = 2.0


class Busy(Scenario):
    """A scenario that is busier than most of the catalogue.

    Several connections, each with a transfer.
    """

    layer = Layer.TRANSPORT
    claim = Claim("It is busy")


def measure() -> dict[str, float | int]:
    """Return the size of the report in MB, and the processor time that it took."""
    run = RunResult("bench", tuple(_result(at) for at in range(SCENARIOS)))
    frames = sum(len(result.evidence.frames) for result in run.results if result.evidence)
    for result in run.results:  # judging has decoded every frame before a report is written
        for frame in result.evidence.frames if result.evidence else ():
            assert frame.packet.layers
    html.render(RunResult("warm", run.results[:1]))  # templates are compiled once
    begun = time.process_time()
    text = html.render(run)
    spent = time.process_time() - begun
    return {
        "scenarios": SCENARIOS,
        "frames": frames,
        "write_s": round(spent, 2),
        "write_s_most": TIME_MOST_S,
        "size_mb": round(len(text.encode()) / 1e6, 2),
        "size_mb_most": SIZE_MOST_MB,
    }


def _result(at: int) -> Result:
    name = f"tcp.busy-{at}"
    evidence = _recording(name)
    findings = [Finding(Status.PASSED, "as it should be", (frame.citation,)) for frame in evidence.frames[:8]]
    checks = [CheckVerdict(Check(f"check_{n}", f"statement {n}"), one) for n, one in enumerate(findings)]
    scenario = type("Busy", (Busy,), {"id": name, "__doc__": Busy.__doc__})
    return Result(scenario, Verdict(name, tuple(checks)), evidence, seconds=1.0)


def _recording(name: str) -> Evidence:
    story = Story()
    for step in range(CONNECTIONS):
        story.step(f"step {step}")
        port = 41000 + step
        story.handshake(port=port)
        for at in range(SEGMENTS):
            story.segment(ACK, seq=1001 + at * 1000, ack=9001, data=bytes(range(250)) * 4, port=port)
        story.segment(FIN | ACK, seq=1001 + SEGMENTS * 1000, ack=9001, port=port)
    return story.evidence(name)


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
