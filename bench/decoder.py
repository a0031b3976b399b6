"""The decoder against `tshark -T fields`: the same capture, the same 19 fields of each of its frames.

    python -m bench.decoder

Four programs go through a capture of 100,000 frames, each a process of its own begun from nothing:

- `values`: ours; every field of every frame as a Python value, which is what a program wants;
- `text`: ours, which then writes the fields as tshark does (the outputs must be the same);
- `tshark`: `tshark -n -T fields`, as it comes;
- `tshark_trimmed`: the same with everything off but the protocols that we decode, its best case.

They take turns, so that what else the machine does meets all of them. Of each the best round's
processor time is compared (wall-clock time would tell what else the machine does), and the largest
resident memory. `measure()` returns the numbers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.fields import FIELDS
from testbed.packets import decode
from testbed.pcapng import InterfaceBlock, Record, read, write
from tests import frames_builder as build
from tests.oracle import tshark

FRAMES = 100_000
ROUNDS = 5
PROGRAMS = ("values", "tshark", "text", "tshark_trimmed")
LEAST_RATIO = 3.0
"""How many times faster than `tshark -T fields` at least."""


def measure(rounds: int = ROUNDS) -> dict[str, float | int]:
    """Return processor seconds (best round), ratios, frames per second and peak memory in MiB of each."""
    if tshark.program() is None:
        raise SystemExit("bench.decoder: tshark is not installed; apt-get install tshark")
    with tempfile.TemporaryDirectory(prefix="bench-decoder-") as folder:
        capture = Path(folder, "capture.pcapng")
        write(capture, [InterfaceBlock("client:lan-a")], frames(FRAMES))
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
        outputs = {name: Path(folder, name) for name in runs}
        for _ in range(rounds):
            for name in runs:
                runs[name].append(run(name, capture, outputs[name]))
        texts = {outputs[name].read_bytes() for name in PROGRAMS if name != "values"}
        if len(texts) != 1:
            raise SystemExit("bench.decoder: the outputs differ; run tests/oracle to see where")
        seconds = {name: min(one[0] for one in several) for name, several in runs.items()}
        memory = {name: max(one[1] for one in several) for name, several in runs.items()}
        rate = decoded_per_second(capture)
    return {
        "frames": FRAMES,
        "rounds": rounds,
        **{f"{name}_s": round(value, 3) for name, value in seconds.items()},
        **{f"{name}_peak_mib": round(value, 1) for name, value in memory.items()},
        "times_faster": round(seconds["tshark"] / seconds["values"], 2),
        "times_faster_limit": LEAST_RATIO,
        "times_faster_as_text": round(seconds["tshark"] / seconds["text"], 2),
        "times_faster_than_trimmed": round(seconds["tshark_trimmed"] / seconds["values"], 2),
        "times_less_memory": round(memory["tshark"] / max(memory["values"], memory["text"]), 1),
        "decoded_frames_per_s": round(rate),
    }


def run(name: str, capture: Path, output: Path) -> tuple[float, float]:
    """Run one of the programs to its end; return its processor seconds, and its peak memory in MiB."""
    if name in ("values", "text"):
        command, environment = [sys.executable, "-m", "bench.fields", name, str(capture)], dict(os.environ)
    else:
        command = ["tshark", "-n", "-r", str(capture), "-T", "fields"]
        command += [argument for field in FIELDS for argument in ("-e", field)]
        environment = tshark.environment() if name == "tshark_trimmed" else dict(os.environ)
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench.decoder: {' '.join(command[:4])} … ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def decoded_per_second(capture: Path) -> float:
    """Frames that `decode` takes apart in a second, reading and writing not counted; best of three."""
    frames = [record.data for record in read(capture).records]
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        for frame in frames:
            decode(frame)
        best = min(best, time.process_time() - begun)
    return len(frames) / best


def frames(count: int) -> Iterator[Record]:
    """A talk over TCP, as the lab's: mostly data and its acknowledgments, some ARP, UDP and pings."""
    stamps = b"\1\1" + build.option(8, bytes(8))
    data = bytes(range(256)) * 4
    for number in range(count):
        kind = number % 20
        if kind == 0:
            frame = build.ethernet(build.arp(1), build.ARP)
        elif kind == 1:
            frame = build.ethernet(build.ipv4(build.udp(data[:64], destination_port=8888), build.UDP))
        elif kind == 2:
            frame = build.ethernet(build.ipv4(build.icmp(8, 0, number.to_bytes(4, "big")), build.ICMP))
        else:
            carried = data[: 1000 if kind % 2 else 0]
            segment = build.tcp(
                carried,
                source_port=40000 + number // 1000,
                sequence=number * 1000,
                acknowledgment=number,
                flags=build.ACK | (build.PSH if carried else 0),
                options=stamps,
            )
            frame = build.ethernet(build.ipv4(segment, identification=number & 0xFFFF))
        yield Record(0, 1_700_000_000_000_000_000 + number * 1_000_003, frame, len(frame))


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
