"""Every mistake of a file is reported, all of them at once, each with its line and path."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from testbed import compose
from testbed.errors import InvalidComposeFile, Mistake

WRONG = Path(__file__).parent.parent / "labs" / "wrong"


def expected(path: Path) -> Counter[tuple[int, str]]:
    """Read what a wrong file says about itself: ``#! path; path@line`` on the line of the mistake."""
    found: Counter[tuple[int, str]] = Counter()
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if match := re.search(r"#! (.*)", line):
            for wrong in match[1].split("; "):
                where, _, at = wrong.partition("@")
                found[int(at or number), where] += 1
    return found


def mistakes_in(path: Path) -> tuple[Mistake, ...]:
    """Return what a file is refused for."""
    with pytest.raises(InvalidComposeFile) as raised:
        compose.load(path, {})
    return raised.value.mistakes


@pytest.mark.parametrize("path", sorted(WRONG.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_wrong_file_is_refused_for_exactly_what_is_wrong_with_it(path: Path) -> None:
    """Nothing that is wrong is passed over, and nothing that is right is complained of."""
    assert Counter((mistake.line, mistake.path) for mistake in mistakes_in(path)) == expected(path)


def message(text: str, folder: Path) -> str:
    """Return the one mistake of a text."""
    file = folder / "compose.yaml"
    file.write_text(text)
    (mistake,) = mistakes_in(file)
    return str(mistake)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "services: {client: {imagee: i}}",
            "line 1: services.client.imagee: no key of Compose here; allowed: a key that Compose knows, "
            "or one that starts with 'x-'; did you mean 'image'?",
        ),
        (
            "services:\n  client: {image: i, networks: [lan_a]}\nnetworks: {lan-a: , lan-b: }",
            "line 2: services.client.networks.lan_a: a network that is not declared; "
            "allowed: lan-a, lan-b; did you mean 'lan-a'?",
        ),
        (
            "services: {a: {image: i, networks: {n: {ipv4_address: 10.0.1.5}}}}\n"
            "networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24}]}}}",
            "line 1: services.a.networks.n.ipv4_address: 10.0.1.5 is outside 10.0.0.0/24; "
            "allowed: 10.0.0.1 to 10.0.0.254",
        ),
        (
            "services: {a: {image: i, networks: [n]}}\n"
            "networks: {n: {ipam: {config: [{subnet: 10.0.0.9/24}]}}}",
            "line 2: networks.n.ipam.config.0.subnet: '10.0.0.9/24', whose host bits are set; "
            "allowed: 10.0.0.0/24",
        ),
        (
            "services: {a: {image: '${WHICH:?name an image}'}}",
            "line 1: services.a.image: variable WHICH is missing: name an image; "
            "allowed: WHICH set and not empty",
        ),
        (
            "services: {a: {image: i, image: j}}",
            "line 1: services.a.image: a second time; first on line 1; allowed: each key once",
        ),
        (
            "services: {a: {image: i, ports: [22:22], command: [sleep, 60]}}",
            "line 1: services.a.command: 60; allowed: text, or a list of texts; quote numbers",
        ),
        ("", "services: no node; allowed: at least one service without network_mode"),
        ("[a, b]", "compose.yaml: a list; allowed: a mapping"),
        (
            "services: {a: {image: i, profiles: [later]}}",
            "line 1: services: no node; allowed: at least one service without network_mode; "
            "inactive profiles: later",
        ),
        ("a: &a [*a]", "line 1: compose.yaml: *a inside &a; allowed: an alias of something before it"),
    ],
)
def test_a_mistake_says_where_what_was_given_and_what_is_allowed(
    text: str, says: str, tmp_path: Path
) -> None:
    """The reader can mend the file from the message alone."""
    assert message(text, tmp_path) == says


def test_what_is_quoted_from_a_file_has_no_control_characters_and_an_end(tmp_path: Path) -> None:
    """A file cannot steer the terminal that its mistakes are shown on."""
    text = 'services: {a: {image: i, scale: "\\e[31m' + "x" * 500 + '"}}'
    shown = message(text, tmp_path)
    assert "\x1b" not in shown
    assert len(shown) < 200


def test_a_merged_entry_has_the_line_where_it_is_written(tmp_path: Path) -> None:
    """What an alias brings in is mended where it was written."""
    text = "x-a: &a\n  image: 5\nservices:\n  client:\n    <<: *a\n"
    assert message(text, tmp_path).startswith("line 2: services.client.image: 5;")


def test_no_mistake_follows_from_another_one(tmp_path: Path) -> None:
    """A subnet that cannot be read costs one message, not one for each address in it."""
    text = (
        "services:\n  a: {image: i, networks: {n: {ipv4_address: 10.0.0.5}}, environment: "
        "{ROUTER_ADDRESSES: 10.0.0.1/24}}\nnetworks: {n: {ipam: {config: [{subnet: ten}]}}}"
    )
    assert message(text, tmp_path).startswith("line 3: networks.n.ipam.config.0.subnet: 'ten';")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: \x00", b"a: \xed\xa0\x80"])
def test_bytes_that_are_no_text_are_refused(content: bytes, tmp_path: Path) -> None:
    """A file that is not text is refused, not crashed on."""
    file = tmp_path / "compose.yaml"
    file.write_bytes(content)
    assert len(mistakes_in(file)) == 1


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A path that leads nowhere is said to."""
    (mistake,) = mistakes_in(tmp_path / "compose.yaml")
    assert "No such file" in mistake.given


def test_a_wrong_line_of_the_env_file_is_refused_with_its_number(tmp_path: Path) -> None:
    """A `.env` file is refused by line as the Compose file is."""
    (tmp_path / "compose.yaml").write_text("services: {a: {image: i}}")
    (tmp_path / ".env").write_text("# fine\nGOOD=1\nno good=2\n")
    (mistake,) = mistakes_in(tmp_path / "compose.yaml")
    assert (mistake.path, mistake.line) == (".env", 3)
