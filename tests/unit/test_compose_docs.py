"""What docs/compose.md shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from testbed import compose
from testbed.compose import container, models
from testbed.compose.declared import Declared
from testbed.errors import InvalidComposeFile
from tests.compose_oracle import config

PAGE = (Path(__file__).parent.parent.parent / "docs" / "compose.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the page's blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_example_is_a_routed_lab(tmp_path: Path) -> None:
    """And Compose takes it."""
    (example,) = blocks("yaml")
    (tmp_path / "my-lab.yaml").write_text(example)
    topology = compose.load(tmp_path / "my-lab.yaml", {})
    assert topology.router_of("near") == topology.router_of("far") == topology.node("router")
    assert config(tmp_path / "my-lab.yaml", {}) is not None


def test_the_mistakes_shown_are_those_that_are_made(tmp_path: Path) -> None:
    """Word for word."""
    (example,) = blocks("yaml")
    wrong = example.replace("10.50.1.10}", "10.50.2.10}").replace(
        "{far: {ipv4_address: 10.50.2.10}}", "[fra]"
    )
    wrong += "    comand: sleep\n"
    (tmp_path / "my-lab.yaml").write_text(wrong)
    with pytest.raises(InvalidComposeFile) as raised:
        compose.load(tmp_path / "my-lab.yaml", {})
    said = str(raised.value).replace(f"{tmp_path}/", "")
    (shown,) = blocks("text")
    assert said == shown.strip()


def test_the_python_example_runs() -> None:
    """As it stands."""
    (example,) = blocks("python")
    exec(compile(example, "docs/compose.md", "exec"), {})


def test_every_key_that_is_read_is_in_the_table() -> None:
    """The page is whole: a key that makes the topology and the table does not have is a gap."""
    only_looked_at = models.Service.model_fields.keys() & container.Container.model_fields.keys()
    others: dict[type[Declared], set[str]] = {
        models.Network: {"attachable", "driver", "driver_opts", "enable_ipv4", "internal", "ipam", "labels"},
        models.Attachment: {"aliases", "driver_opts", "gw_priority", "interface_name", "link_local_ips"},
        models.Service: {"provider", "deploy", *only_looked_at},
    }
    for model, unread in others.items():
        for key in model.model_fields.keys() - unread - {"priority", "name"}:
            assert f"`{key}`" in PAGE or f".{key}" in PAGE, key
