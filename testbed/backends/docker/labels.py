"""The labels that everything of ours bears, and nothing else does."""

from __future__ import annotations

from typing import Final

LAB: Final = "testbed.lab"
RUN: Final = "testbed.run"
OWNER: Final = "testbed.owner"
STARTER: Final = "testbed.starter"
NODE: Final = "testbed.node"
ROLE: Final = "testbed.role"
TOPOLOGY: Final = "testbed.topology"

ROLE_NODE: Final = "node"
ROLE_PROBE: Final = "probe"
ROLE_HELPER: Final = "helper"

PROJECT: Final = "com.docker.compose.project"
SERVICE: Final = "com.docker.compose.service"
NUMBER: Final = "com.docker.compose.container-number"
ONE_OFF: Final = "com.docker.compose.oneoff"
NETWORK: Final = "com.docker.compose.network"
CONFIG_FILES: Final = "com.docker.compose.project.config_files"


def project_of(lab: str) -> str:
    """Return the Compose project of an orchestrated lab."""
    return f"testbed-{lab}"


def arguments(labels: dict[str, str]) -> list[str]:
    """Return labels as the docker command takes them."""
    return [f"--label={key}={value}" for key, value in labels.items()]
