"""Values -> models: pydantic's errors become mistakes with the path and line in the file."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import ValidationError

from testbed.compose import container, kinds, models, ports
from testbed.compose.declared import Declared
from testbed.compose.document import Path, shown
from testbed.compose.reading import Reading, near

Model = TypeVar("Model", bound=Declared)

_NESTED: Final[dict[tuple[type[Declared], str | int], type[Declared]]] = {
    (models.Service, "networks"): models.Attachment,
    (models.Service, "deploy"): models.Deploy,
    (models.Service, "depends_on"): models.Dependency,
    (models.Service, "env_file"): models.EnvFile,
    (models.Service, "healthcheck"): container.Health,
    (models.Service, "logging"): container.Logging,
    (models.Service, "ports"): ports.LongPort,
    (models.Deploy, "resources"): container.Resources,
    (container.Resources, "limits"): container.Amounts,
    (container.Resources, "reservations"): container.Amounts,
    (models.Network, "ipam"): models.Ipam,
    (models.Ipam, "config"): models.Pool,
}

_ALLOWED: Final = {
    "int": "a whole number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
    "string": "text; quote it",
    "missing": "a value for it",
    "greater": f"0 to {kinds.LARGEST_SERVICE}",
    "less": f"0 to {kinds.LARGEST_SERVICE}",
}
"""What is allowed, by the first word of pydantic's error type."""


def validate(model: type[Model], value: Any, path: Path, reading: Reading) -> Model:
    """Return a value as a model, its mistakes noted and left out of it."""
    while True:
        try:
            return model.model_validate(value)
        except ValidationError as exc:
            for error in exc.errors(include_url=False):
                where = error["loc"]
                at = (*path, *where)
                if not reading.has_mistakes(at):
                    given, allowed = _explained(model, dict(error))
                    reading.complain(at, given, allowed)
                value = _without(value, where)


def _without(value: Any, where: tuple[str | int, ...]) -> Any:
    """Return a value without the entry that an error is about, or without the nearest one above it.

    An entry that went with an earlier error of the same list is gone already.
    """
    if where and isinstance(value, dict):
        if where[0] not in value:
            return value
        inner = value[where[0]]
        rest = {key: item for key, item in value.items() if key != where[0]}
        if len(where) > 1 and isinstance(inner, dict) and where[1] in inner:
            rest[str(where[0])] = _without(inner, where[1:])
        return rest
    return {}


def _explained(model: type[Declared], error: dict[str, Any]) -> tuple[str, str]:
    """Return what was given and what is allowed."""
    kind: str = error["type"]
    if kind == "mistake":
        return error["ctx"]["given"], error["ctx"]["allowed"]
    if kind == "extra_forbidden":
        return _unknown_key(model, error["loc"])
    if kind == "missing":
        return f"no {error['loc'][-1]!r}", "a value for it"
    if kind == "literal_error":
        return shown(error["input"]), error["ctx"]["expected"]
    return shown(error["input"]), _ALLOWED.get(kind.partition("_")[0], error["msg"])


def _unknown_key(model: type[Declared], where: tuple[str | int, ...]) -> tuple[str, str]:
    for step in where[:-1]:
        model = _NESTED.get((model, step), model)
    known = model.known_keys()
    guess = near(str(where[-1]), known)
    return "no key of Compose here", ("a key that Compose knows, or one that starts with 'x-'") + guess
