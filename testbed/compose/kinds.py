"""The kinds of value in a Compose file, as annotations for pydantic: what is refused, and with which words.

Where Compose takes a list or a mapping, the list is turned into the mapping first, so that what
follows sees one form.

Source: compose-spec, its JSON schema, and compose-go for what the schema leaves open.
"""

from __future__ import annotations

import re
import shlex
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from testbed.compose.document import shown
from testbed.compose.scalars import text_of

LARGEST_SERVICE: Final = 1023
"""Replicas of one service: a Linux bridge has no more ports (BR_MAX_PORTS)."""


def refuse(given: str, allowed: str) -> PydanticCustomError:
    """Return the error of a validator: what was given and what is allowed."""
    return PydanticCustomError("mistake", "{given}; {allowed}", {"given": given, "allowed": allowed})


def mapping_of(value: Any) -> dict[str, Any]:
    """Return a mapping; one that is left empty has nothing in it."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refuse(shown(value), "a mapping")
    return value


def names_of(value: Any) -> dict[str, Any]:
    """``[a, b]`` or ``{a: …, b: …}``."""
    if not isinstance(value, list):
        return mapping_of(value)
    for at, item in enumerate(value):
        if not isinstance(item, str):
            raise refuse(f"{shown(item)} in a list of names", "text")
        if item in value[:at]:
            raise refuse(f"{item!r} a second time", "each name once")
    return dict.fromkeys(value)


def _assignments(value: Any) -> dict[str, str | None]:
    """``[A=1, B]`` or ``{A: 1, B: null}``: values as the text that Compose makes of them."""
    if isinstance(value, list):
        pairs: dict[str, Any] = {}
        for item in value:
            if not isinstance(item, str):
                raise refuse(f"{shown(item)} in a list of assignments", "text such as NAME=value")
            name, equals, text = item.partition("=")
            pairs[name.rstrip() if equals else name] = text if equals else None
        value = pairs
    for name, given in (found := mapping_of(value)).items():
        if isinstance(given, (dict, list)):
            raise refuse(f"{shown(given)} for {name!r}", "text, a number, true or false")
    return {name: None if given is None else text_of(given) for name, given in found.items()}


def _command(value: Any) -> list[str] | None:
    """Text is split as a shell does; a list is taken as it is."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError as exc:
            raise refuse(f"{shown(value)}: {str(exc).lower()}", "words, quoted as in a shell") from exc
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, str):
            raise refuse(shown(item), "text, or a list of texts; quote numbers")
    return list(value)


def _address(version: type[IPv4Address | IPv6Address], example: str) -> BeforeValidator:
    def read(value: Any) -> Any:
        try:
            return version(_text(value))
        except AddressValueError as exc:
            raise refuse(shown(value), f"an address such as {example}") from exc

    return BeforeValidator(read)


def _subnet(value: Any) -> IPv4Network | IPv6Network:
    text = _text(value)
    for version in (IPv4Network, IPv6Network):
        try:
            found = version(text, strict=False)
        except ValueError:
            continue
        if "/" not in text:
            raise refuse(shown(value), f"a subnet with its prefix length, such as {text}/24")
        if str(found.network_address) != str(_any_address(text.partition("/")[0])):
            raise refuse(f"{shown(value)}, whose host bits are set", str(found))
        return found
    raise refuse(shown(value), "a subnet such as 172.16.10.0/24 or fd00:10::/64")


def _any_address(value: Any) -> IPv4Address | IPv6Address:
    text = _text(value)
    for version in (IPv4Address, IPv6Address):
        try:
            return version(text)
        except AddressValueError:
            continue
    raise refuse(shown(value), "an address such as 172.16.10.1 or fd00:10::1")


def _mac(value: Any) -> str:
    text = _text(value).lower().replace("-", ":")
    if not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", text):
        raise refuse(shown(value), "six octets, such as 02:42:ac:10:0a:0a")
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise refuse(shown(value), "text; quote it")
    return value


Text = Annotated[str, BeforeValidator(_text)]
Assignments = Annotated[dict[str, str | None], BeforeValidator(_assignments)]
Command = Annotated[list[str] | None, BeforeValidator(_command)]
Address4 = Annotated[IPv4Address, _address(IPv4Address, "172.16.10.10")]
Address6 = Annotated[IPv6Address, _address(IPv6Address, "fd00:10::10")]
AnyAddress = Annotated[IPv4Address | IPv6Address, BeforeValidator(_any_address)]
Subnet = Annotated[IPv4Network | IPv6Network, BeforeValidator(_subnet)]
Mac = Annotated[str, BeforeValidator(_mac)]
Replicas = Annotated[int, Field(ge=0, le=LARGEST_SERVICE)]


# -- what only Compose acts on: refused here where it would refuse it, so that it is said with the rest

_TRUTH: Final = {
    **dict.fromkeys(("1", "t", "true", "y", "yes", "on"), True),
    **dict.fromkeys(("0", "f", "false", "n", "no", "off"), False),
}
"""What Compose takes for a truth value where it finds text (compose-go: loader/interpolate.go)."""

_WHOLE: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)
_REAL: Final = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?", re.ASCII | re.IGNORECASE)
_SIZE: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+) ?([kmgtp]?i?b?)", re.ASCII | re.IGNORECASE)
_DURATION: Final = re.compile(r"[-+]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w))+)", re.ASCII)
_RESTART: Final = re.compile(r"no|always|unless-stopped|on-failure(:[0-9]+)?", re.ASCII)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _flag(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUTH:
        return _TRUTH[value.lower()]
    raise refuse(shown(value), "true or false")


def _whole(value: Any) -> Any:
    if _is_number(value) or (isinstance(value, str) and _WHOLE.fullmatch(value)):
        return value
    raise refuse(shown(value), "a whole number")


def _real(value: Any) -> Any:
    if _is_number(value) or (isinstance(value, str) and _REAL.fullmatch(value)):
        return value
    raise refuse(shown(value), "a number")


def _size(value: Any) -> Any:
    """Read bytes: a number, or text with a unit (docker/go-units: size.go); -1 is without limit."""
    if _is_number(value) or (isinstance(value, str) and (value == "-1" or _SIZE.fullmatch(value))):
        return value
    raise refuse(shown(value), "bytes, or a number with its unit, such as 64m")


def _duration(value: Any) -> Any:
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return value
    raise refuse(shown(value), "a number with its unit, such as 10s or 1m30s")


def _restart(value: Any) -> Any:
    if isinstance(value, str) and _RESTART.fullmatch(value):
        return value
    raise refuse(shown(value), '"no", always, on-failure, on-failure:3 or unless-stopped')


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _text_or_number(value: Any) -> Any:
    if isinstance(value, str) or _is_number(value):
        return value
    raise refuse(shown(value), "text or a number")


def _text_or_mapping(value: Any) -> Any:
    if isinstance(value, (str, dict)):
        return value
    raise refuse(shown(value), "text or a mapping")


Flag = Annotated[bool, BeforeValidator(_flag)]
Whole = Annotated[Any, BeforeValidator(_whole)]
Real = Annotated[Any, BeforeValidator(_real)]
Size = Annotated[Any, BeforeValidator(_size)]
Duration = Annotated[Any, BeforeValidator(_duration)]
Restart = Annotated[Any, BeforeValidator(_restart)]
TextOrNumber = Annotated[Any, BeforeValidator(_text_or_number)]
TextOrMapping = Annotated[Any, BeforeValidator(_text_or_mapping)]
Texts = list[Text]
OneOrMore = Annotated[Texts, BeforeValidator(_one_or_more)]
Mapping = Annotated[dict[str, Any], BeforeValidator(mapping_of)]
