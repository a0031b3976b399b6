"""The kernel's own view, in order of time: TCP sockets and neighbour entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from testbed.evidence.frames import NothingSeen
from testbed.evidence.records import Citation, NeighbourSample, TcpSample


@dataclass(frozen=True, slots=True)
class Held:
    """A time during which a socket was seen in one state.

    begin_ns, end_ns: CLOCK_REALTIME; the end is when it was first seen in another state,
    or the end of the recording.
    """

    state: str
    begin_ns: int
    end_ns: int
    samples: tuple[TcpSample, ...]

    @property
    def seconds(self) -> float:
        """How long, in seconds."""
        return (self.end_ns - self.begin_ns) / 1e9

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Those of its members, in order."""
        return tuple(sample.citation for sample in self.samples)


class States(Sequence[TcpSample]):
    """The samples of some sockets, in order of time."""

    def __init__(
        self, samples: Iterable[TcpSample], what: str, end_ns: int, cite: Iterable[Citation] = ()
    ) -> None:
        self._samples = tuple(samples)
        self.what = what
        self.end_ns = end_ns
        self._cite = tuple(cite)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._samples[index]

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[TcpSample]:
        return iter(self._samples)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Those of its members, in order."""
        return tuple(sample.citation for sample in self._samples) or self._cite

    def where(self, test: Callable[[TcpSample], bool], what: str) -> States:
        """Keep the samples for which test is true; `what` says it in words."""
        return States(filter(test, self._samples), f"{what} {self.what}".strip(), self.end_ns, self.citations)

    def at(self, time_ns: int) -> States:
        """Each socket as it was last seen by a moment; meant for the samples of many."""
        latest = {(one.local, one.remote): one for one in self._samples if one.time_ns <= time_ns}
        return States(latest.values(), f"{self.what} at a moment", self.end_ns, self.citations)

    @property
    def names(self) -> tuple[str, ...]:
        """The states passed through, each once for each time that it was entered."""
        return tuple(held.state for held in self.held_all())

    def held_all(self) -> tuple[Held, ...]:
        """Each state with the time during which it was seen; meant for the samples of one socket."""
        runs: list[Held] = []
        for sample in self._samples:
            if runs and runs[-1].state == sample.state:
                last = runs[-1]
                runs[-1] = Held(last.state, last.begin_ns, last.end_ns, (*last.samples, sample))
                continue
            if runs:
                last = runs[-1]
                runs[-1] = Held(last.state, last.begin_ns, sample.time_ns, last.samples)
            runs.append(Held(sample.state, sample.time_ns, self.end_ns, (sample,)))
        return tuple(runs)

    def held(self, state: str) -> Held:
        """The first time in one state; NothingSeen when it was never sampled."""
        for held in self.held_all():
            if held.state == state:
                return held
        seen = ", ".join(self.names) or "none"
        raise NothingSeen(f"{state} of {self.what} (states seen: {seen})", self.citations)


class Neighbours(Sequence[NeighbourSample]):
    """Changes of a node's neighbour table, in order of time."""

    def __init__(self, samples: Iterable[NeighbourSample], what: str, cite: Iterable[Citation] = ()) -> None:
        self._samples = tuple(samples)
        self.what = what
        self._cite = tuple(cite)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._samples[index]

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[NeighbourSample]:
        return iter(self._samples)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Those of its members, in order."""
        return tuple(sample.citation for sample in self._samples) or self._cite

    def where(self, test: Callable[[NeighbourSample], bool], what: str) -> Neighbours:
        """Keep the samples for which test is true; `what` says it in words."""
        return Neighbours(filter(test, self._samples), f"{what} {self.what}".strip(), self.citations)

    @property
    def learned(self) -> set[tuple[str, str]]:
        """Every (address, MAC) that was ever in the table with a MAC."""
        return {(str(sample.address), sample.mac) for sample in self._samples if sample.mac}

    @property
    def states(self) -> tuple[str, ...]:
        """The states announced, in order, repeats once."""
        names: list[str] = []
        for sample in self._samples:
            if not names or names[-1] != sample.state:
                names.append(sample.state)
        return tuple(names)
