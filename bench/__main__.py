"""Measure everything, and write bench/results.json and bench/results.md.

    python -m bench [NAME]...

A benchmark is a file here that has a function `measure()`; it returns numbers by name. A number may
have a bound beside it, under its name and `_most` or `_least`; `_limit` is the one or the other: at
least where the name begins with `times`, for more times faster is better, else at most. Ends with 1
when a bound is broken.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
Numbers = Mapping[str, float | int]


class Bound(NamedTuple):
    """What a number must keep to: a sign and a value."""

    sign: str
    value: float

    def kept(self, number: float) -> bool:
        """Whether a number keeps to it."""
        return number <= self.value if self.sign == "≤" else number >= self.value


def benchmarks() -> dict[str, Callable[[], Numbers]]:
    """Return the benchmarks by name."""
    found = {}
    for path in sorted(HERE.glob("[!_]*.py")):
        module = importlib.import_module(f"bench.{path.stem}")
        if hasattr(module, "measure"):
            found[path.stem] = module.measure
    return found


def measured(name: str) -> Numbers:
    """Run a benchmark in a process of its own: what one leaves in memory must not meet the next."""
    program = f"import json; from bench.{name} import measure; print(json.dumps(measure()))"
    ran = subprocess.run([sys.executable, "-c", program], cwd=HERE.parent, stdout=subprocess.PIPE, check=True)
    numbers: Numbers = json.loads(ran.stdout)
    return numbers


def bounds(numbers: Numbers) -> dict[str, Bound]:
    """Return the bounds of the numbers that have one."""
    found = {}
    for name, value in numbers.items():
        number, _, kind = name.rpartition("_")
        if number in numbers and kind in ("most", "least", "limit"):
            at_least = kind == "least" or (kind == "limit" and number.startswith("times"))
            found[number] = Bound("≥" if at_least else "≤", value)
    return found


def broken(results: Mapping[str, Numbers]) -> list[str]:
    """Say which bounds are broken."""
    return [
        f"{name}: {number} is {numbers[number]}, and must be {bound.sign} {bound.value:g}"
        for name, numbers in results.items()
        for number, bound in bounds(numbers).items()
        if not bound.kept(numbers[number])
    ]


def table(results: Mapping[str, Numbers], machine: Mapping[str, str]) -> Iterator[str]:
    """Return the results as a Markdown table."""
    yield "# Measured"
    yield ""
    yield f"{', '.join(f'{name} {value}' for name, value in machine.items())}. Made by `make bench`."
    yield ""
    yield "| benchmark | number | value | bound | |"
    yield "|---|---|---:|---:|---|"
    for name, numbers in results.items():
        limits = bounds(numbers)
        hidden = {f"{number}_{kind}" for number in limits for kind in ("most", "least", "limit")}
        for number, value in numbers.items():
            if number in hidden:
                continue
            bound = limits.get(number)
            told = f"{bound.sign} {bound.value:g}" if bound else ""
            mark = "" if bound is None else "✓" if bound.kept(value) else "✗"
            yield f"| {name} | {number.replace('_', ' ')} | {value:g} | {told} | {mark} |"


def machine() -> dict[str, str]:
    """Return what the numbers were taken on."""
    from testbed.lab import docker

    versions = docker().versions()
    return {
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
        "kernel": platform.release(),
        "Docker Engine": versions["engine"],
        "Compose": versions["compose"],
        "date": time.strftime("%Y-%m-%d"),
    }


def main(names: list[str]) -> int:
    """Measure; return the exit code."""
    known = benchmarks()
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    path = HERE / "results.json"
    results: dict[str, Numbers] = json.loads(path.read_bytes())["results"] if names and path.exists() else {}
    for name in names or known:
        print(f"{name} …", file=sys.stderr, flush=True)
        results[name] = measured(name)
    results = dict(sorted(results.items()))
    about = machine()
    path.write_text(json.dumps({"machine": about, "results": results}, indent=2, ensure_ascii=False) + "\n")
    (HERE / "results.md").write_text("\n".join(table(results, about)) + "\n", encoding="utf-8")
    print((HERE / "results.md").read_text(encoding="utf-8"))
    for line in broken(results):
        print(f"✗ {line}", file=sys.stderr)
    return 1 if broken(results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
