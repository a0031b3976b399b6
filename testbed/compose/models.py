"""The part of Compose that a topology rests on, as pydantic models.

Each model names the keys that are read; `UNREAD` names those that Compose alone reads. A key in
neither is a mistake, with the nearest known one beside it. What of a service is looked at and
not used is in `container`.

Source: compose-spec, 05-services.md and 06-networks.md, and its JSON schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from testbed.compose.container import Container, Resources
from testbed.compose.declared import Declared
from testbed.compose.kinds import (
    Address4,
    Address6,
    AnyAddress,
    Assignments,
    Command,
    Flag,
    Mac,
    Mapping,
    Replicas,
    Subnet,
    Text,
    Texts,
    Whole,
    mapping_of,
    names_of,
)


class Attachment(Declared):
    """``services.*.networks.*``: a service on a network."""

    aliases: Texts | None = None
    driver_opts: Mapping | None = None
    gw_priority: Whole | None = None
    interface_name: Text | None = None
    ipv4_address: Address4 | None = None
    ipv6_address: Address6 | None = None
    link_local_ips: Texts | None = None
    mac_address: Mac | None = None
    priority: int = 0


class Deploy(Declared):
    """``services.*.deploy``: how many containers."""

    UNREAD = frozenset(
        {"endpoint_mode", "labels", "mode", "placement", "restart_policy", "rollback_config", "update_config"}
    )
    replicas: Replicas | None = None
    resources: Resources | None = None


def _attachments(value: Any) -> dict[str, Any]:
    return {name: {} if given is None else given for name, given in names_of(value).items()}


def _env_files(value: Any) -> list[Any]:
    """Text is one path: ``path``, ``[path, {path: …, required: false}]``."""
    items = value if isinstance(value, list) else [] if value is None else [value]
    return [{"path": item} if isinstance(item, str) else item for item in items]


class EnvFile(Declared):
    """``services.*.env_file``: a file of variables."""

    path: Text
    required: bool = True


Condition = Literal["service_started", "service_healthy", "service_completed_successfully"]


class Dependency(Declared):
    """``services.*.depends_on.*``: what a service waits for before it starts."""

    condition: Condition
    required: Flag = True
    restart: Flag = False


def _dependencies(value: Any) -> dict[str, Any]:
    """``[a, b]`` waits until they are started."""
    listed = isinstance(value, list)
    return {name: {"condition": "service_started"} if listed else it for name, it in names_of(value).items()}


class Service(Container):
    """``services.*``."""

    model_config = ConfigDict(defer_build=False)

    image: Text | None = None
    command: Command = None
    depends_on: Annotated[dict[str, Dependency], BeforeValidator(_dependencies)] = Field(default_factory=dict)
    deploy: Deploy = Deploy()
    env_file: Annotated[list[EnvFile], BeforeValidator(_env_files)] = Field(default_factory=list)
    environment: Assignments = Field(default_factory=dict)
    mac_address: Mac | None = None
    network_mode: Text | None = None
    networks: Annotated[dict[str, Attachment], BeforeValidator(_attachments)] = Field(default_factory=dict)
    profiles: list[Text] = Field(default_factory=list)
    provider: Any = None
    scale: Replicas | None = None
    sysctls: Assignments = Field(default_factory=dict)


class Pool(Declared):
    """``networks.*.ipam.config``: one subnet."""

    aux_addresses: Mapping | None = None
    ip_range: Subnet | None = None
    subnet: Subnet | None = None
    gateway: AnyAddress | None = None


class Ipam(Declared):
    """``networks.*.ipam``: the addresses of a network."""

    config: list[Pool] = Field(default_factory=list)
    driver: Text | None = None
    options: Mapping | None = None


def _external(value: Any) -> Any:
    """``external: {name: …}`` is an old way to say true."""
    return True if isinstance(value, dict) else value


class Network(Declared):
    """``networks.*``."""

    attachable: Flag | None = None
    driver: Text | None = None
    driver_opts: Mapping | None = None
    enable_ipv4: Flag | None = None
    enable_ipv6: bool = False
    external: Annotated[bool, BeforeValidator(_external)] = False
    internal: bool = False
    ipam: Ipam = Ipam()
    labels: Assignments | None = None
    name: Text | None = None


class ComposeFile(Declared):
    """A whole file; the reader takes its services and networks one by one.

    A mistake in one of them hides none in the others.
    """

    UNREAD = frozenset({"models"})
    configs: Mapping | None = None
    name: Text | None = None
    secrets: Mapping | None = None
    version: Text | None = None
    volumes: Mapping | None = None
    services: Annotated[dict[str, Any], BeforeValidator(mapping_of)] = Field(default_factory=dict)
    networks: Annotated[dict[str, Any], BeforeValidator(mapping_of)] = Field(default_factory=dict)
