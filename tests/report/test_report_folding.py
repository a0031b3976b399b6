"""A long ladder is made short: like packets, like connections, like actions are counted, not drawn."""

from __future__ import annotations

from testbed.report.bands import bands
from testbed.report.folding import focused, folded
from testbed.report.ladder import Fold, Note
from tests.frames_builder import ACK, SYN
from tests.report.story import Story, bulk, citing, ladder


def test_folded() -> None:
    """A long transfer is folded and says how much."""
    drawn = folded(ladder(bulk()))
    (fold,) = [row for row in drawn.rows if isinstance(row, Fold)]
    assert fold.text == "… 36 more segments, 3600 bytes of data"
    assert len(fold.arrows) + len(drawn.arrows) == len(ladder(bulk()).arrows)


def test_loss_not_folded() -> None:
    """What was lost is not folded away among what was not."""
    story = bulk(20)
    story.segment(ACK, seq=1, ack=9001, data=b"y", hops=1)
    for at in range(20):
        story.segment(ACK, seq=4001 + at * 100, ack=9001, data=b"x" * 100)
    assert [arrow.words.detail for arrow in folded(ladder(story)).arrows if arrow.lost]


def test_many_losses_folded() -> None:
    """Of many that were lost in the same way, two are drawn; how many more there were is said."""
    story = bulk(20)
    for at in range(40):
        story.segment(SYN, seq=at, port=41000 + at, hops=1)
    drawn = folded(ladder(story))
    assert len([arrow for arrow in drawn.arrows if arrow.lost]) == 3
    assert "… 37 more connections, 37 segments, 37 of them lost" in [
        row.text for row in drawn.rows if isinstance(row, Fold)
    ]


def test_many_looks_folded() -> None:
    """A state that was asked for again and again until it came is told a few times, and counted."""
    story = Story()
    story.segment(SYN, seq=1)
    for _ in range(30):
        story.act("client", "run", argv=["bridge", "link"])
    drawn = folded(ladder(story))
    assert len([row for row in drawn.rows if isinstance(row, Note)]) == 3
    assert [row.text for row in drawn.rows if isinstance(row, Fold)] == ["… 27 more notes"]


def test_focused() -> None:
    """A window keeps what is cited."""
    story = bulk(200)
    cited = story.frames[300].citation
    drawn = focused(ladder(story, citing(cited)), most=20)
    assert len(drawn.rows) < 25
    assert any(cited in (frame.citation for frame in arrow.frames) for arrow in drawn.arrows)


def test_many_connections() -> None:
    """Of many connections of one step, the first two and the last are drawn; the others are counted."""
    story = Story()
    story.step("many")
    for port in range(40000, 40020):
        story.handshake(port=port)
    drawn = folded(ladder(story))
    (fold,) = [row for row in drawn.rows if isinstance(row, Fold)]
    assert fold.text == "… 17 more connections, 51 segments"
    assert len(drawn.arrows) == 3 * 6


def test_bands_end_in_a_fold() -> None:
    """A socket that ends where the ladder is folded ends in the picture, too."""
    story = Story()
    for port in range(40000, 40020):
        story.handshake(port=port)
    for port in range(40000, 40020):
        story.state("client", "CLOSED", port)
        story.state("server", "CLOSED", port)
    drawn = folded(ladder(story))
    assert not [band for band in bands(drawn) if band.last is None]
