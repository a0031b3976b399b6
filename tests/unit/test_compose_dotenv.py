"""Files of variables are read as Compose reads them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.compose.dotenv import BadLine, parse
from tests.compose_oracle import config

UNSET: dict[str, str] = {}
ENVIRONMENT = {"OS": "os", "BOTH": "os"}

FILE = r"""# comment
A=1
export B=2
C='single $A'
D="double $A ${B}"
E=unquoted $A # comment
F=unquoted#no comment
G: yaml
H=
I="many
lines"
J="esc \n \t \" \$A \\ end"
L="q" # comment
M=$OS-${OS}-${NO:-d}
BOTH=file
N=$BOTH
O
OS
P = spaced
Q="a\qb"
R=  lead trail
S='a\'b'
T=a"b"c
U="dollar $$"
V=$$x
   W=indented
X='q' ignored
Y=1 Z=2
1D=digit
DOT.TED=dot
"""

EXPECTED = {
    "A": "1", "B": "2", "C": "single $A", "D": "double 1 2", "E": "unquoted 1", "F": "unquoted#no comment",
    "G": "yaml", "H": "", "I": "many\nlines", "J": 'esc \n \t " $A \\ end', "L": "q", "M": "os-os-d",
    "N": "os", "P": "spaced", "Q": "a\\qb", "R": "lead trail", "S": "a'b", "T": 'a"b"c',
    "U": "dollar $", "V": "$x", "W": "indented", "X": "q", "Y": "1 Z=2", "BOTH": "file", "OS": "os",
}  # fmt: skip

REFUSED = ("A B=1", 'A"B=1', "A='x", 'A="x', "A=${", "$A=1")


def test_every_form_of_a_line_is_read() -> None:
    """Quotes, escapes, comments, variables, lines that a value spans, and what the environment has."""
    values = parse(FILE, ENVIRONMENT.get)
    assert {name: values[name] for name in EXPECTED} == EXPECTED
    assert "O" not in values


@pytest.mark.parametrize("line", REFUSED)
def test_a_line_that_is_no_assignment_is_refused(line: str) -> None:
    """With its number in the file."""
    with pytest.raises(BadLine) as raised:
        parse(f"FINE=1\n\n{line}\n", UNSET.get)
    assert raised.value.line == 3


def ask_compose(text: str, names: list[str], folder: Path) -> dict[str, str] | None:
    """Return the values that Compose reads in a `.env` file; None where it refuses the file."""
    (folder / ".env").write_text(text)
    labels = {name: "${" + name + "}" for name in names}
    (folder / "compose.yaml").write_text(json.dumps({"services": {"s": {"image": "i", "labels": labels}}}))
    answer = config(folder / "compose.yaml", ENVIRONMENT)
    return answer and answer["services"]["s"]["labels"]


def test_compose_reads_the_same_values(tmp_path: Path) -> None:
    """All but one: in a Compose file the environment wins over the `.env` file."""
    assert ask_compose(FILE, list(EXPECTED), tmp_path) == EXPECTED | {"BOTH": "os"}


@pytest.mark.parametrize("line", REFUSED)
def test_compose_refuses_the_same_lines(line: str, tmp_path: Path) -> None:
    """The refusals are Compose's own."""
    assert ask_compose(f"{line}\n", ["A"], tmp_path) is None


@given(st.text(st.sampled_from("ABab=:#'\"\\$ {}\n\t\r-.é")) | st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No file of variables crashes the reader."""
    with contextlib.suppress(BadLine):
        assert all(isinstance(value, str) for value in parse(text, UNSET.get).values())
