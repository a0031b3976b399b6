"""The benchmarks' collector: a bound that is broken is named, and the table shows it."""

from __future__ import annotations

from bench.__main__ import benchmarks, bounds, broken, table

NUMBERS = {"ratio": 1.3, "ratio_limit": 1.25, "times_faster": 5.0, "times_faster_limit": 3.0, "up_s": 0.5}


def test_every_benchmark_is_found() -> None:
    """Each file with a measure() takes part."""
    assert {"channel", "cli", "decoder", "lifecycle", "scenarios"} <= benchmarks().keys()


def test_bounds_have_a_direction() -> None:
    """`_most` is at most, `_least` at least, and `_limit` the latter where the name begins with times."""
    found = bounds({**NUMBERS, "a": 1, "a_most": 2, "b": 1, "b_least": 2})
    assert {name: bound.sign for name, bound in found.items()} == {
        "ratio": "≤",
        "times_faster": "≥",
        "a": "≤",
        "b": "≥",
    }


def test_a_broken_bound_is_named() -> None:
    """What does not keep to its bound is said; the rest is not."""
    assert broken({"x": NUMBERS}) == ["x: ratio is 1.3, and must be ≤ 1.25"]


def test_the_table_has_a_row_for_each_number() -> None:
    """Numbers in rows, bounds beside them."""
    rows = [line for line in table({"x": NUMBERS}, {"cores": "2"}) if line.startswith("| x")]
    assert rows == [
        "| x | ratio | 1.3 | ≤ 1.25 | ✗ |",
        "| x | times faster | 5 | ≥ 3 | ✓ |",
        "| x | up s | 0.5 |  |  |",
    ]
