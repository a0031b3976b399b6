"""Which services a service needs: there, active, and not in a circle. And each needs something to run."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from testbed.compose import models
from testbed.compose.document import shown
from testbed.compose.reading import Reading, near

Services = Mapping[str, models.Service]


def check(services: Services, active: Services, reading: Reading) -> None:
    """Note what is wrong between the services of a file; active: those that the profiles leave."""
    for name, service in services.items():
        _undeclared(name, service, services, reading)
    for name, service in active.items():
        nothing = not service.image and service.build is None and service.provider is None
        if nothing and not _perhaps_meant(name, reading):
            reading.complain(("services", name), "neither 'image' nor 'build'", "one of them, or both")
        for other, dependency in service.depends_on.items():
            if other in services and other not in active and dependency.required:
                profiles = ", ".join(services[other].profiles)
                given = f"a service that is not active, for its profiles are not: {profiles}"
                reading.complain(("services", name, "depends_on", other), given, "one that is")
    _cycles(active, reading)


def _perhaps_meant(name: str, reading: Reading) -> bool:
    """Say whether a mistake known of a service may be in what it runs: ``imagee``, or no mapping at all."""
    place = ("services", name)
    keys = {path[2] for path in reading.bad if path[:2] == place and len(path) == 3}
    read = models.Service.known_keys() - {"image", "build"}
    return (reading.has_mistakes(place) and not keys) or not keys <= read


def _undeclared(name: str, service: models.Service, services: Services, reading: Reading) -> None:
    place = ("services", name)
    for other in service.depends_on:
        if other not in services:
            allowed = "one that is" + near(other, services)
            reading.complain((*place, "depends_on", other), "a service that is not declared", allowed)
    owner = (service.network_mode or "").removeprefix("service:")
    if owner != (service.network_mode or "") and owner not in services:
        allowed = "service: and a declared service" + near(owner, services)
        reading.complain((*place, "network_mode"), shown(service.network_mode), allowed)


def _cycles(active: Services, reading: Reading) -> None:
    """Note every circle of services that wait for each other, at one step of it."""
    waits = {name: set(service.depends_on) & active.keys() for name, service in active.items()}
    while True:
        try:
            TopologicalSorter(waits).prepare()
        except CycleError as exc:
            circle: list[str] = exc.args[1]
            # Told from the first of the file on, in the order of waiting; graphlib's is the other way round.
            ring = circle[:0:-1]
            first = min(ring, key=list(active).index)
            start = ring.index(first)
            ring = [*ring[start:], *ring[:start], first]
            given = f"a service that waits for this one: {' -> '.join(ring)}"
            reading.complain(
                ("services", first, "depends_on", ring[1]), given, "services that wait in no circle"
            )
            waits[first].discard(ring[1])
        else:
            return
