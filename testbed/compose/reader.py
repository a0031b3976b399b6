"""One reading of one file, from bytes to a topology or to all of its mistakes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testbed.compose import dependencies, dotenv, models
from testbed.compose.assemble import Assembly, Declarations
from testbed.compose.document import Document, mistake, shown
from testbed.compose.document import Path as Place
from testbed.compose.environment import environment_of
from testbed.compose.interpolation import BadInterpolation, substitute
from testbed.compose.networks import DEFAULT, networks_of
from testbed.compose.reading import Reading, Variables, near
from testbed.compose.resolve import beyond_the_subset, resolve
from testbed.compose.validation import validate
from testbed.compose.yaml_lines import Unreadable, parse
from testbed.errors import InvalidComposeFile, Mistake
from testbed.topology import Source, Topology
from testbed.topology.rules import mistakes as contradictions


def read(path: Path, environment: Mapping[str, str], profiles: tuple[str, ...]) -> Topology:
    """Return the topology that a file declares; raise InvalidComposeFile with every mistake."""
    path = path.absolute()
    reading = _opened(path, environment)
    profiles = profiles or _listed(reading.variables("COMPOSE_PROFILES"))
    if beyond := beyond_the_subset(reading.document):
        _used_by(reading.document.value, reading.variables)
        reading.document = resolve(path, environment, profiles, reading.document, beyond)
    file = validate(models.ComposeFile, _substituted(reading, path), (), reading)
    source = Source(path, (), tuple(sorted(set(profiles))))
    topology = _topology(reading, file, reading.variables.project or "", source)
    if reading.mistakes:
        raise InvalidComposeFile(
            f"read {path}", sorted(reading.mistakes, key=lambda m: (m.line or 0, m.path))
        )
    return topology


def _opened(path: Path, environment: Mapping[str, str]) -> Reading:
    """Read the file and the `.env` beside it."""
    variables = Variables(environment)
    try:
        document, mistakes = parse(path.read_bytes().decode("utf-8-sig"), path.name)
        if not isinstance(document.value, (dict, type(None))):
            raise Unreadable(mistake(path.name, shown(document.value), "a mapping"))
        env_file = path.parent / ".env"
        if env_file.is_file():
            variables.from_file = dotenv.parse(env_file.read_text("utf-8"), variables)
            variables.used.clear()
    except Unreadable as exc:
        raise _refused(path, exc.mistake) from exc
    except dotenv.BadLine as exc:
        raise _refused(path, mistake(".env", exc.given, exc.allowed, exc.line)) from exc
    except UnicodeDecodeError as exc:
        raise _refused(path, mistake(path.name, f"bytes that are no UTF-8: {exc.reason}", "UTF-8")) from exc
    except OSError as exc:
        given = exc.strerror or str(exc)
        raise _refused(path, mistake(path.name, given, "a Compose file that can be read")) from exc
    return Reading(document, variables, mistakes)


def _refused(path: Path, *mistakes: Mistake) -> InvalidComposeFile:
    return InvalidComposeFile(f"read {path}", mistakes)


def _listed(names: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (names or "").split(",") if name.strip())


def _substituted(reading: Reading, path: Path) -> Any:
    """Return the document's value with all variables replaced, and settle the project's name."""
    value = reading.document.value
    given = value.get("name") if isinstance(value, dict) else None
    reading.variables.project = reading.variables("COMPOSE_PROJECT_NAME") or (
        _with_variables(given, ("name",), reading)
        if isinstance(given, str)
        else re.sub(r"[^a-z0-9_-]", "", path.parent.name.lower()).lstrip("_-") or "lab"
    )
    return _with_variables(value, (), reading)


def _with_variables(value: Any, path: Place, reading: Reading) -> Any:
    if isinstance(value, dict):
        return {key: _with_variables(item, (*path, key), reading) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_variables(item, (*path, at), reading) for at, item in enumerate(value)]
    if not isinstance(value, str) or "$" not in value or reading.has_mistakes(path):
        return value
    try:
        return substitute(value, reading.variables)
    except BadInterpolation as exc:
        reading.complain(path, exc.given, exc.allowed)
        return value


def _used_by(value: Any, variables: Variables) -> None:
    """Ask for every variable that a document names, so that they are remembered."""
    _with_variables(value, (), Reading(Document(value), variables))


def _topology(reading: Reading, file: models.ComposeFile, name: str, source: Source) -> Topology:
    declared = Declarations(
        {
            key: validate(models.Service, item, ("services", key), reading)
            for key, item in file.services.items()
        },
        {
            key: validate(models.Network, item, ("networks", key), reading)
            for key, item in file.networks.items()
        },
    )
    assembly = Assembly(reading, declared)
    active = {
        key: service for key, service in declared.services.items() if _is_active(service, source.profiles)
    }
    dependencies.check(declared.services, active, reading)
    on_networks = {key: service for key, service in active.items() if _is_node(key, service, reading)}
    for network in _networks_in_use(assembly, on_networks):
        assembly.add_network(network)
    nodes = []
    for key, service in on_networks.items():
        nodes += assembly.nodes(key, service, environment_of(key, service, source.path.parent, reading))
    if not nodes:
        reading.complain(("services",), "no node", _why_no_node(declared))
    used = tuple(sorted(reading.variables.used.items()))
    networks = tuple(assembly.networks.values())
    topology = Topology(name, networks, tuple(nodes), dataclasses.replace(source, environment=used))
    for found in _contradictions(assembly, topology):
        reading.complain(*found)
    return topology


def _contradictions(assembly: Assembly, topology: Topology) -> list[tuple[Place, str, str]]:
    """Return what contradicts itself: with the addresses at the start, and with those then taken."""
    started = dataclasses.replace(topology, nodes=tuple(assembly.started))
    found = [
        (places.get(mistake.path, (mistake.path,)), mistake.given, mistake.allowed.removeprefix("allowed: "))
        for at, places in ((topology, assembly.places), (started, assembly.places_at_start))
        for mistake in contradictions(at)
    ]
    return list(dict.fromkeys(found))


def _is_active(service: models.Service, profiles: tuple[str, ...]) -> bool:
    return not service.profiles or "*" in profiles or any(profile in profiles for profile in service.profiles)


def _is_node(name: str, service: models.Service, reading: Reading) -> bool:
    """Say whether an active service is a node of this lab: one with a network stack of its own."""
    mode = service.network_mode
    if mode is not None and service.networks:
        place = ("services", name, "network_mode")
        reading.complain(place, f"{shown(mode)} beside 'networks'", "one of the two")
    return mode is None and service.provider is None


def _networks_in_use(assembly: Assembly, active: Mapping[str, models.Service]) -> list[str]:
    """Return the networks that nodes are on, as declared; note those that are not."""
    used: dict[str, None] = {}
    for key, service in active.items():
        for network in networks_of(service):
            if network not in assembly.declared.networks and network != DEFAULT:
                known = assembly.declared.networks
                allowed = (", ".join(known) or "one that is, under 'networks'") + near(network, known)
                place = ("services", key, "networks", network)
                assembly.reading.complain(place, "a network that is not declared", allowed)
            used[network] = None
    declared = [network for network in assembly.declared.networks if network in used]
    return declared + [network for network in used if network not in assembly.declared.networks]


def _why_no_node(declared: Declarations) -> str:
    profiles = sorted({p for service in declared.services.values() for p in service.profiles})
    if profiles:
        return f"at least one service without network_mode; inactive profiles: {', '.join(profiles)}"
    return "at least one service without network_mode"
