"""The part of Compose that a topology rests on, as pydantic models.

Each model names the keys that are read; `UNREAD` names those that Compose alone reads. A key in
neither is a mistake, with the nearest known one beside it. Where Compose takes a list or a
mapping, the list is turned into the mapping first, so that what follows sees one form.

Source: compose-spec, 05-services.md and 06-networks.md, and its JSON schema.
"""

from __future__ import annotations

import re
import shlex
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from testbed.compose.document import shown
from testbed.compose.scalars import text_of

LARGEST_SERVICE: Final = 1023
"""Replicas of one service: a Linux bridge has no more ports (BR_MAX_PORTS)."""


def refuse(given: str, allowed: str) -> PydanticCustomError:
    """Return the error of a validator: what was given and what is allowed."""
    return PydanticCustomError("mistake", "{given}; {allowed}", {"given": given, "allowed": allowed})


def _mapping(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refuse(shown(value), "a mapping")
    return value


def _names(value: Any) -> dict[str, Any]:
    """``[a, b]`` or ``{a: …, b: …}``."""
    if not isinstance(value, list):
        return _mapping(value)
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
    for name, given in (found := _mapping(value)).items():
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


def _external(value: Any) -> Any:
    """``external: {name: …}`` is an old way to say true."""
    return True if isinstance(value, dict) else value


Text = Annotated[str, BeforeValidator(_text)]
Names = Annotated[dict[str, Any], BeforeValidator(_names)]
Assignments = Annotated[dict[str, str | None], BeforeValidator(_assignments)]
Command = Annotated[list[str] | None, BeforeValidator(_command)]
Address4 = Annotated[IPv4Address, _address(IPv4Address, "172.16.10.10")]
Address6 = Annotated[IPv6Address, _address(IPv6Address, "fd00:10::10")]
AnyAddress = Annotated[IPv4Address | IPv6Address, BeforeValidator(_any_address)]
Subnet = Annotated[IPv4Network | IPv6Network, BeforeValidator(_subnet)]
Mac = Annotated[str, BeforeValidator(_mac)]
Replicas = Annotated[int, Field(ge=0, le=LARGEST_SERVICE)]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


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


class Attachment(Declared):
    """``services.*.networks.*``: a service on a network."""

    UNREAD = frozenset({"aliases", "driver_opts", "gw_priority", "interface_name", "link_local_ips"})
    ipv4_address: Address4 | None = None
    ipv6_address: Address6 | None = None
    mac_address: Mac | None = None
    priority: int = 0


class Deploy(Declared):
    """``services.*.deploy``: how many containers."""

    UNREAD = frozenset(
        {"endpoint_mode", "labels", "mode", "placement", "resources", "restart_policy"}
        | {"rollback_config", "update_config"}
    )
    replicas: Replicas | None = None


def _attachments(value: Any) -> dict[str, Any]:
    return {name: {} if given is None else given for name, given in _names(value).items()}


def _env_files(value: Any) -> list[Any]:
    """Text is one path: ``path``, ``[path, {path: …, required: false}]``."""
    items = value if isinstance(value, list) else [] if value is None else [value]
    return [{"path": item} if isinstance(item, str) else item for item in items]


class EnvFile(Declared):
    """``services.*.env_file``: a file of variables."""

    path: Text
    required: bool = True


class Service(Declared):
    """``services.*``."""

    UNREAD = _words("""
        annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent configs
        container_name cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime
        cpu_shares cpus cpuset credential_spec develop device_cgroup_rules devices dns dns_opt
        dns_search domainname entrypoint expose external_links extra_hosts gpus group_add healthcheck
        hostname init ipc isolation label_file labels links logging mem_limit mem_reservation
        mem_swappiness memswap_limit models oom_kill_disable oom_score_adj pid pids_limit platform
        ports post_start pre_stop privileged pull_policy pull_refresh_after read_only restart runtime
        secrets security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt tmpfs tty
        ulimits use_api_socket user userns_mode uts volumes volumes_from working_dir
        """)
    image: Text | None = None
    command: Command = None
    depends_on: Names = {}
    deploy: Deploy = Deploy()
    env_file: Annotated[list[EnvFile], BeforeValidator(_env_files)] = []
    environment: Assignments = {}
    mac_address: Mac | None = None
    network_mode: Text | None = None
    networks: Annotated[dict[str, Attachment], BeforeValidator(_attachments)] = {}
    profiles: list[Text] = []
    provider: Any = None
    scale: Replicas | None = None
    sysctls: Assignments = {}


class Pool(Declared):
    """``networks.*.ipam.config``: one subnet."""

    UNREAD = frozenset({"aux_addresses"})
    ip_range: Subnet | None = None
    subnet: Subnet | None = None
    gateway: AnyAddress | None = None


class Ipam(Declared):
    """``networks.*.ipam``: the addresses of a network."""

    UNREAD = frozenset({"driver", "options"})
    config: list[Pool] = []


class Network(Declared):
    """``networks.*``."""

    UNREAD = frozenset({"attachable", "driver_opts", "enable_ipv4", "labels", "name"})
    driver: Text | None = None
    enable_ipv6: bool = False
    external: Annotated[bool, BeforeValidator(_external)] = False
    internal: bool = False
    ipam: Ipam = Ipam()


class ComposeFile(Declared):
    """A whole file; the reader takes its services and networks one by one.

    A mistake in one of them hides none in the others.
    """

    UNREAD = frozenset({"configs", "models", "secrets", "version", "volumes"})
    name: Text | None = None
    services: Annotated[dict[str, Any], BeforeValidator(_mapping)] = {}
    networks: Annotated[dict[str, Any], BeforeValidator(_mapping)] = {}
