"""A mapping of a Compose file, as a pydantic model: the base of all of them."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

from testbed.compose.document import shown
from testbed.compose.kinds import refuse


class Declared(BaseModel):
    """A mapping of the file: the keys that are read, and the `UNREAD` ones, which are let through."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"patternProperties": {"^x-": {}}}
    )
    UNREAD: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _without_the_unread(cls, value: Any) -> Any:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise refuse(shown(value), "a mapping")
        return {
            key: item for key, item in value.items() if key not in cls.UNREAD and not key.startswith("x-")
        }

    @classmethod
    def known_keys(cls) -> frozenset[str]:
        """Return every key that may stand here."""
        return cls.UNREAD | cls.model_fields.keys()
