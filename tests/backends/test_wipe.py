"""What was left behind is removed, and never anything else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.backends.docker import DockerBackend
from testbed.errors import LabFailed
from testbed.lab import Lab
from tests.backends.engine_view import docker, remains, small_lab, until, wiping_alone
from tests.backends.starting import interrupt, starter, wait_for

pytestmark = pytest.mark.docker

MOMENTS = ["network lan created", "node left starting", "up"]
"""Before any node is there; while they are started; when all is done."""


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """One of these tests at a time."""
    with wiping_alone():
        yield


@pytest.fixture
def bystander(name: str) -> Iterator[str]:
    """A container and a network that are not ours, beside the lab, with names like ours."""
    other = f"testbed-{name}-bystander"
    docker("network", "create", "--label=other.lab=x", other)
    docker("run", "--detach", f"--name={other}", f"--network={other}", "testbed/host:1", "sleep", "600")
    yield other
    docker("rm", "--force", other)
    docker("network", "rm", other)


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_killed_owner_left_is_removed_by_wipe(name: str, two_hosts: Path, moment: str) -> None:
    """SIGKILL at any moment: wipe leaves nothing with the lab's label, and says what it removed."""
    with starter(two_hosts, name) as process:
        wait_for(process, moment)
        process.kill()
        process.wait()
        removed = DockerBackend().wipe()
        assert remains(name) == []
        assert f"network testbed-{name}_lan" in removed


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_killed_owner_left_does_not_hinder_the_next_up_of_that_name(
    name: str, two_hosts: Path, moment: str
) -> None:
    """It is removed first, and said so."""
    with starter(two_hosts, name) as process:
        wait_for(process, moment)
        process.kill()
        process.wait()
        told: list[str] = []
        with Lab.up(
            two_hosts, name, environment={}, progress=lambda one: told.append(f"{one.subject} {one.state}")
        ) as lab:
            assert lab.ping_all().complete
        assert told[0] == "lab removed"
    assert remains(name) == []


def test_a_killed_owners_probes_end_by_themselves(name: str, two_hosts: Path) -> None:
    """Their input ends with the process, whatever ends it."""
    with starter(two_hosts, name, "--probes") as process:
        wait_for(process, "up")
        probes = ("ps", "--all", "--quiet", f"--filter=label=testbed.lab={name}")
        assert len(docker(*probes, "--filter=label=testbed.role=probe").split()) == 2
        process.kill()
        until(lambda: not docker(*probes, "--filter=label=testbed.role=probe"), "no probe is left")
        assert len(docker(*probes, "--filter=label=testbed.role=node").split()) == 2


def test_a_live_lab_and_what_is_not_ours_survive(name: str, two_hosts: Path, bystander: str) -> None:
    """Beside a dead lab, which goes."""
    dead = f"{name}-dead"
    with starter(two_hosts, dead) as process:
        wait_for(process, "up")
        process.kill()
        process.wait()
    with Lab.up(two_hosts, name, environment={}) as lab:
        before = remains(name)
        removed = DockerBackend().wipe()
        assert remains(dead) == []
        assert all(f"testbed-{dead}" in one for one in removed if name in one)
        assert remains(name) == before
        assert lab.ping_all().complete
    assert docker("inspect", "--format={{.State.Running}}", bystander).strip() == "true"
    assert docker("network", "ls", "--quiet", f"--filter=name={bystander}").strip()


def test_a_detached_lab_survives_until_it_is_named(name: str, two_hosts: Path) -> None:
    """It was left up on purpose: wipe takes it only by name."""
    lab = Lab.up(two_hosts, name, environment={}, detached=True)
    lab.keep()
    lab.close()
    DockerBackend().wipe()
    assert remains(name)
    assert f"container testbed-{name}-left-1" in DockerBackend().wipe([name])
    assert remains(name) == []


def test_a_detached_start_that_was_killed_is_left_over(name: str, tmp_path: Path) -> None:
    """Nobody will finish it."""
    never = {"test": "false", "interval": "30s", "retries": 9, "start_period": "300s"}
    after: dict[str, object] = {"depends_on": {"left": {"condition": "service_healthy"}}}
    file = small_lab(tmp_path, {"left": {"healthcheck": never}, "right": after})
    with starter(file, name, "--detached") as process:
        wait_for(process, "network lan created")
        process.kill()
        process.wait()
        DockerBackend().wipe()
    assert remains(name) == []


def test_a_guests_probe_is_removed_and_the_lab_is_not(name: str, two_hosts: Path) -> None:
    """Who attached and was frozen to death by its machine leaves a probe; the lab is another's."""
    with Lab.up(two_hosts, name, environment={}) as lab:
        own = {
            "testbed.lab": name,
            "testbed.run": lab.run_id,
            "testbed.role": "probe",
            "testbed.node": "left",
        }
        owner = docker(
            "inspect", '--format={{index .Config.Labels "testbed.owner"}}', f"testbed-{name}-left-1"
        )
        _, _, place = owner.strip().split(":")
        labelled = [f"--label={key}={value}" for key, value in own.items()]
        dead = f"testbed-{name}-probe-of-the-dead"
        docker(
            "run", "--detach", f"--name={dead}", *labelled, f"--label=testbed.owner=1:0:{place}",
            "testbed/host:1", "sleep", "600",
        )  # fmt: skip
        assert f"container {dead}" in DockerBackend().wipe()
        assert lab.ping_all().complete


def test_a_live_labs_name_is_refused(name: str, two_hosts: Path) -> None:
    """The message says who holds it, and what to do; the lab is untouched."""
    with Lab.up(two_hosts, name, environment={}) as lab:
        with pytest.raises(LabFailed, match="held by process") as caught:
            Lab.up(two_hosts, name, environment={})
        assert f"testbed down {name}" in caught.value.hint
        assert lab.ping_all().complete


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_takes_everything_down(name: str, two_hosts: Path, moment: str) -> None:
    """Once, at any moment; Compose, in the same terminal, is not torn out of its work."""
    with starter(two_hosts, name) as process:
        wait_for(process, moment)
        interrupt(process)
        _, errors = process.communicate(timeout=150)
        assert "KeyboardInterrupt" in errors
        assert process.returncode != 0
    assert remains(name) == []


def test_a_second_ctrl_c_does_not_stop_the_taking_down(name: str, two_hosts: Path) -> None:
    """The impatient get the same clean machine."""
    with starter(two_hosts, name) as process:
        wait_for(process, "up")
        interrupt(process)
        interrupt(process)
        process.communicate(timeout=150)
    assert remains(name) == []


def test_a_lab_that_nobody_took_down_goes_with_its_process(name: str, two_hosts: Path) -> None:
    """A script that forgets `down`, or dies of an error of its own, leaves nothing."""
    script = f"from testbed.lab import Lab; Lab.up({str(two_hosts)!r}, {name!r}, environment={{}}); 1 / 0"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "ZeroDivisionError" in ended.stderr
    assert remains(name) == []
