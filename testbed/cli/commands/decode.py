"""`testbed decode`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from testbed.cli.command import with_examples
from testbed.cli.options import format_option

if TYPE_CHECKING:
    from typing import BinaryIO

    from testbed.cli.listing import Frames
    from testbed.pcapng import Capture


@with_examples(
    "decode",
    "testbed decode .testbed/runs/latest/capture.pcapng",
    "testbed decode trace.pcap --format ladder",
    "testbed decode trace.pcap --format svg > trace.svg",
    "tcpdump -w - | testbed decode -",
)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@format_option("text", "json", "ladder", "mermaid", "svg")
def command(file: str, fmt: str) -> int:
    """Take a capture file apart: as text, JSON or a ladder diagram.

    FILE is a pcapng or a pcap of any kind; - is standard input. A file that breaks off is read up to
    where it does, and that is said; the exit code is then 4.
    """
    from testbed.errors import InvalidRecording
    from testbed.pcapng import Reader, read

    source: str | BinaryIO = sys.stdin.buffer if file == "-" else file
    try:
        if fmt in ("text", "json"):
            with Reader(source) as reader:
                _show_frames(reader, fmt)
                truncated = reader.truncated
        else:
            capture = read(source)
            _draw(capture, fmt)
            truncated = capture.truncated
    except OSError as exc:
        if isinstance(exc, BrokenPipeError):
            raise
        raise InvalidRecording(f"read {file}", exc.strerror or str(exc)) from exc
    if truncated:
        raise InvalidRecording(f"read {file} to its end", truncated, "what stands before that is shown")
    return 0


def _show_frames(frames: Frames, fmt: str) -> None:
    from testbed.cli.listing import documents, lines
    from testbed.cli.output import show, style

    if fmt == "json":
        for piece in documents(frames):
            sys.stdout.write(piece)
    else:
        drawn = style()
        for line in lines(frames):
            show(drawn.glyphs(line))


def _draw(capture: Capture, fmt: str) -> None:
    from testbed.cli.output import show, style
    from testbed.report import ladder_mermaid, ladder_svg, ladder_text
    from testbed.report.build import ladder_of
    from testbed.report.folding import folded
    from testbed.report.from_capture import evidence_of

    ladder = folded(ladder_of(evidence_of(capture)))
    if fmt == "mermaid":
        show(ladder_mermaid.render(ladder))
    elif fmt == "svg":
        show(ladder_svg.render(ladder))
    else:
        show(ladder_text.render(ladder, style()))
