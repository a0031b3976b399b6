"""Text that came from a node, made safe for a terminal, a log and a report.

A node may print what it likes: escape sequences that rewrite a terminal, or
direction marks that make a line read backwards. Everything of a node's that becomes
text passes through `clean` where it comes in; where it goes out, it is still
escaped for its destination (HTML, a shell).
"""

from __future__ import annotations

import re

# What a terminal takes as one (ECMA-48): CSI with its parameters up to the final byte (5.4), and OSC and the
# other strings up to their end, BEL or ST (5.6, 8.3.89). A string without an end is none.
_SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"
    "|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90-\x9f\n]*(?:\x07|\x1b\\\\|\x9c)"
)

# C0 and C1 controls but newline and tab; DEL; marks that reverse the reading direction
# (Unicode UAX #9); lone surrogates, which no encoder takes.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def clean(text: str | bytes) -> str:
    """Return the text without control characters and sequences; newline and tab stay, CR LF becomes LF.

    Bytes are read as UTF-8; what is not UTF-8 becomes U+FFFD.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return _FORBIDDEN.sub("", _SEQUENCE.sub("", text))
