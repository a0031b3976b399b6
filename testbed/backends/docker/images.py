"""Sees that the images are there: ours are built where they are missing, others are Compose's to get."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from testbed.backends.base import Progress, Report, ignore
from testbed.backends.docker.client import Engine, engine
from testbed.backends.docker.compose_cli import docker_command
from testbed.errors import ImageMissing, UsageError
from testbed.topology import Topology

IMAGE_TAG = "1"
PROBE = f"testbed/probe:{IMAGE_TAG}"
LATER = ("browser", "names", "newcomer", "redis", "mariadb", "flask", "django", "tomcat")
"""Made when a lab first needs them, or by `make servers`, and anew when their files have changed."""
OURS = {f"testbed/{role}:{IMAGE_TAG}": role for role in ("host", "router", "probe", *LATER)}
FILES = "testbed.files"
"""The label that says what such an image was made of."""
BASE_HERE = "testbed/base:trixie"
"""Debian, built on this machine from its packages, where no registry can be reached."""


def ensure(engine_: Engine, topology: Topology, progress: Report) -> None:
    """Build those of our images that the topology or its probes need and that are not here."""
    ensure_ours(engine_, {PROBE, *(node.image for node in topology.nodes)} & set(OURS), progress)


def ensure_ours(engine_: Engine, wanted: set[str], progress: Report = ignore) -> None:
    """Build those of these images of ours that are not here, or out of date; raise ImageMissing."""
    here = _listed(engine_)
    for image in sorted(wanted):
        if image not in here or _out_of_date(image, here[image]):
            build(engine_, image, progress)


def present(engine_: Engine) -> set[str]:
    """Return the names of all images that are here."""
    return set(_listed(engine_))


def _listed(engine_: Engine) -> dict[str, dict[str, str]]:
    """Name -> labels of all images that are here."""
    with engine("list images"):
        listing = engine_.client.images()
    return {tag: image.get("Labels") or {} for image in listing for tag in image.get("RepoTags") or ()}


def _out_of_date(image: str, labels: dict[str, str]) -> bool:
    role = OURS[image]
    return role in LATER and labels.get(FILES) != _files(_folder(role))


def _files(folder: Path) -> str:
    """What an image is made of, as one number: the names and contents of its files."""
    number = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix != ".pyc" and path.is_file()):
        number.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size} ".encode())
        number.update(path.read_bytes())
    return number.hexdigest()[:16]


def is_here(engine_: Engine, image: str) -> bool:
    """Whether the engine has an image."""
    from docker.errors import ImageNotFound

    with engine(f"look for image {image}"):
        try:
            engine_.client.inspect_image(image)  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return False
    return True


def missing(engine_: Engine, topology: Topology) -> dict[str, str]:
    """Return node -> image for the images of the topology that are not here."""
    absent = {
        image
        for image in {node.image for node in topology.nodes if node.image}
        if not is_here(engine_, image)
    }
    return {node.name: node.image for node in topology.nodes if node.image in absent}


def not_here(absent: dict[str, str], seen: str) -> ImageMissing:
    """Return the error for images that Compose could not get, the nodes and images named."""
    pairs = ", ".join(f"{image} (node {node})" for node, image in absent.items())
    one = next(iter(absent.values()))
    return ImageMissing(
        f"get the image {pairs}",
        seen,
        f"Where a registry can be reached: docker pull {one}; or docker load it",
    )


def base_argument(engine_: Engine) -> dict[str, str]:
    """Return the environment that makes our Dockerfiles build on a base that is here."""
    if os.environ.get("TESTBED_BASE"):
        return {"TESTBED_BASE": os.environ["TESTBED_BASE"]}
    return {"TESTBED_BASE": BASE_HERE} if BASE_HERE in present(engine_) else {}


def build(engine_: Engine, image: str, progress: Report = ignore) -> None:
    """Build one of ours; raise ImageMissing with the end of the build's log."""
    folder = _folder(OURS[image])
    progress(Progress("image", image, "building"))
    base = base_argument(engine_).get("TESTBED_BASE")
    command = [
        docker_command(),
        "build",
        "--tag",
        image,
        f"--label={FILES}={_files(folder)}",
        *([f"--build-arg=BASE={base}"] if base else []),
        str(folder),
    ]
    answer = subprocess.run(
        command,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, **engine_.environment()}, text=True, errors="replace",
        check=False, start_new_session=True,
    )  # fmt: skip
    if answer.returncode != 0:
        end = "\n".join(_last(answer.stdout.splitlines()))
        raise ImageMissing(f"build image {image}", end, f"See why: docker build {folder}; or run `make run`")
    progress(Progress("image", image, "built"))


def _folder(role: str) -> Path:
    """Return where an image of ours is described: beside the package, or in it once installed."""
    package = Path(__file__).resolve().parent.parent.parent
    for place in (package / "shipped" / "images", package.parent / "images"):
        if (place / role / "Dockerfile").is_file():
            return place / role
    raise UsageError(
        f"build image testbed/{role}", f"{package} came without its images", "Install testbed again"
    )


def _last(lines: Iterable[str], count: int = 15) -> list[str]:
    return [line for line in lines if line.strip()][-count:]
