"""A browser with everything, run where the lab's client is: it gets the page of app.browser-server too."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed.lab import Lab
from testbed.programs import program
from testbed.scenarios import app
from testbed.scenarios.app.browser_server import HTTP, PAGE, TEXT
from tests.report.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NODE = "client"


@pytest.fixture(scope="module")
def web(engine: None) -> Iterator[Lab]:
    """The lab with a web server on the other network."""
    with Lab.up(Path(app.__path__[0], "web.yaml"), f"chromium-{os.getpid()}") as lab:
        yield lab


@pytest.fixture(scope="module")
def browser(web: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium in the client's network namespace; the machine itself cannot reach the LANs."""
    if os.geteuid() != 0 or shutil.which("nsenter") is None:
        pytest.skip("entering a network namespace takes root and nsenter (util-linux)")
    with chromium(within=namespace_of(web)) as started:
        yield started


def namespace_of(lab: Lab) -> list[str]:
    """The command that runs another in the network namespace of the lab's client."""
    import docker

    client = docker.from_env()
    try:
        number = client.api.inspect_container(lab.handle.containers[NODE])["State"]["Pid"]
    finally:
        client.close()
    return ["nsenter", f"--net=/proc/{number}/ns/net"]


def test_chromium_shows_the_page(web: Lab, browser: Browser) -> None:
    """The text is shown; on the wire it was asked for by the client, across the router."""
    address = web.client.address_of(web.server)
    with web.undo.scope(), web.record("chromium") as recording:
        web.server.spawn(program("web_server", str(HTTP), json.dumps(PAGE))).wait_output(
            "listens", timeout=20
        )
        page = browser.new_page()
        page.goto(f"http://{address}/")
        shown = page.inner_text("body")
        page.close()
    assert shown.strip() == TEXT
    assert recording.evidence is not None
    asked = recording.evidence.at("server:lan-b").tcp.port(HTTP).received.with_data
    assert asked.first.packet.payload.startswith(b"GET / HTTP/1.1\r\n")
    assert asked.first.packet.ip is not None
    assert asked.first.packet.ip.source == recording.evidence.client.ip


def test_chromium_says_that_the_server_is_down(web: Lab, browser: Browser) -> None:
    """The error is the browser's own: nobody else is there to say anything."""
    from playwright.sync_api import Error

    page = browser.new_page()
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        page.goto(f"http://{web.client.address_of(web.server)}/")
    page.close()
