"""-k selects as pytest does."""

import pytest

from testbed.errors import UsageError
from testbed.runner.expression import parse

TEXT = "tcp.close transport FIN, ACK, FIN, ACK: four segments close a connection."


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("tcp", True),
        ("TCP", True),
        ("arp", False),
        ("not arp", True),
        ("not not tcp", True),
        ("tcp and close", True),
        ("tcp and arp or transport", True),
        ("tcp and (arp or reset)", False),
        ("arp or tcp and not close", False),
        ("tcp.close", True),
        ("android or close", True),  # `and` inside a word is no operator
    ],
)
def test_words_and_operators(expression: str, fits: bool) -> None:
    """`and` binds tighter than `or`, `not` tighter than both; words are sought anywhere."""
    assert parse(expression)(TEXT) is fits


@pytest.mark.parametrize(
    "expression", ["and", "tcp and", "(tcp", "tcp)", "tcp close", "not", "()", "tcp or or arp"]
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    """A mistyped expression never silently selects something else."""
    with pytest.raises(UsageError, match="-k"):
        parse(expression)
