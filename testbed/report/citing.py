"""Citations in words: `frames 12, 14–18; sample 3`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from testbed.evidence import Citation

_KINDS = ("frame", "sample", "action")


def cited(citations: Iterable[Citation], markers: Collection[int] = (), most: int = 8) -> str:
    """Say what is cited, numbers that follow each other as ranges; at most some ranges of each kind.

    markers: numbers of frames that only prove that a place was watched; they are counted.
    """
    found = list(dict.fromkeys(citations))
    proofs = [citation for citation in found if citation.kind == "frame" and citation.number in markers]
    parts = []
    for kind in _KINDS:
        numbers = sorted(one.number for one in found if one.kind == kind and one not in proofs)
        if numbers:
            parts.append(f"{kind}{'s' if len(numbers) > 1 else ''} {_listed(numbers, most)}")
    if proofs:
        parts.append(f"{len(proofs)} marker{'s' if len(proofs) > 1 else ''}")
    return "; ".join(parts)


def _listed(numbers: Sequence[int], most: int) -> str:
    spans = [f"{first}–{last}" if last > first else str(first) for first, last in _ranges(numbers)]
    more = f" … ({len(numbers)} in all)" if len(spans) > most else ""
    return ", ".join(spans[:most]) + more


def _ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    first = last = numbers[0]
    for number in numbers[1:]:
        if number == last + 1:
            last = number
        else:
            yield first, last
            first = last = number
    yield first, last
