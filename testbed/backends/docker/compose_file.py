"""What is laid over the user's Compose file: labels, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from testbed.backends.docker import labels
from testbed.errors import InvalidComposeFile, Mistake
from testbed.topology import Topology


def override(topology: Topology, file: Path, common: Mapping[str, str]) -> str:
    """Return a Compose file, as JSON, that puts our labels on what the topology will create.

    common: the labels of everything. Volumes that are somebody else's (`external`) stay as
    they are; networks are the lab's own, or the file is refused when it is read. Compose
    replaces variables in labels too, so `$` is doubled.
    """
    whole = topology.to_json()
    services = {
        node.service: {
            "labels": {
                **common,
                labels.ROLE: labels.ROLE_NODE,
                labels.NODE: node.service,
                labels.TOPOLOGY: whole,
            }
        }
        for node in topology.nodes
    }
    networks = {network.name: {"labels": dict(common)} for network in topology.networks}
    volumes = {
        name: {"labels": dict(common)} for name, given in _volumes(file).items() if not _is_external(given)
    }
    document = {"services": services, "networks": networks, "volumes": volumes}
    return json.dumps({key: value for key, value in document.items() if value}).replace("$", "$$")


def _is_external(given: object) -> bool:
    """Whether a volume of the file was there before, and stays."""
    return isinstance(given, dict) and bool(given.get("external"))


def _volumes(file: Path) -> dict[str, Any]:
    """Return the volumes that the file declares. It was found valid when the topology was read."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidComposeFile(
            f"read {file}", [Mistake(str(file), str(error), "a readable Compose file")]
        ) from error
    return (document.get("volumes") or {}) if isinstance(document, dict) else {}
