"""How a command ends: exit codes, a clear message for each error, and what a bug of ours leaves behind."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from testbed.errors import Interrupted, TestbedError
from testbed.text import clean

BUG = 70  # EX_SOFTWARE of sysexits.h: none of the promised exit codes
READER_GONE = 141  # 128 + SIGPIPE, as a shell counts


def guarded(argv: Sequence[str] | None) -> int:
    """Run the command line; return its exit code, and let no exception out."""
    from testbed.cli.group import cli
    from testbed.cli.output import ReaderGone, discard
    from testbed.interrupts import handled

    try:
        with handled():
            returned = cli.main(
                args=None if argv is None else list(argv), prog_name="testbed", standalone_mode=False
            )
        sys.stdout.flush()
        return returned if isinstance(returned, int) else 0
    except click.ClickException as exc:
        with suppress(BrokenPipeError):
            exc.show()
        return exc.exit_code
    except (KeyboardInterrupt, click.Abort, Interrupted):
        _tell("interrupted")
        return Interrupted.exit_code
    except (BrokenPipeError, ReaderGone):  # `testbed list | head -1`: end quietly, as SIGPIPE would
        discard()
        return READER_GONE
    except TestbedError as exc:
        _print_trace_if_asked()
        _tell(f"error: {exc}")
        return exc.exit_code
    except Exception as exc:  # noqa: BLE001 - the one place where a bug of ours becomes a message
        return _bug(exc)


def _tell(text: str) -> None:
    with suppress(BrokenPipeError):
        sys.stderr.write(f"testbed: {clean(text)}\n")


def _bug(exc: Exception) -> int:
    import traceback

    if _print_trace_if_asked():
        return BUG
    text = "".join(traceback.format_exception(exc))
    _tell(
        f"this is a bug of testbed's, not of yours: {type(exc).__name__}: {exc}\n"
        f"  the trace is in {_kept(text)}; please report it with that file (TESTBED_DEBUG=1 prints it)"
    )
    return BUG


def _print_trace_if_asked() -> bool:
    if not os.environ.get("TESTBED_DEBUG"):
        return False
    import traceback

    traceback.print_exc()
    return True


def _kept(trace: str) -> str:
    """Write a trace below .testbed, or where that cannot be, below the directory for temporary files."""
    import tempfile
    import time

    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    about = f"{' '.join(sys.argv)}\nPython {sys.version}\n\n{trace}"
    for folder in (Path(".testbed"), Path(tempfile.gettempdir())):
        try:
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(about, encoding="utf-8")
        except OSError:
            continue
        return str(folder / name)
    return "no file, for none could be written:\n" + about
