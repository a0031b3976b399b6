"""Plain `docker compose` on the shipped file, as somebody at a terminal runs it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Compose:
    """A project of the shipped compose.yaml: its name, the prefix of its LANs, its variables."""

    project: str
    prefix: str
    variables: dict[str, str]

    @classmethod
    def beside(cls, number: int, variables: dict[str, str]) -> Compose:
        """Describe a laboratory that gets in the way of none of another process."""
        process = os.getpid()
        return cls(f"by-hand-{process}-{number}", f"10.{(process * 4 + number) % 250}", variables)

    def __call__(
        self, *arguments: str, typed: str | None = None, file: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `docker compose ARGUMENTS`, typing what is given; `file` changes the shipped one."""
        files = ["-f", str(ROOT / "compose.yaml"), *(["-f", str(file)] if file else [])]
        done = subprocess.run(
            ["docker", "compose", "--ansi", "never", *files, "-p", self.project, *arguments],
            env={**os.environ, "TESTBED_NET": self.prefix, **self.variables},
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        done.stdout = done.stdout.replace("\x1b[2K", "")  # Compose 2.26 writes it in spite of --ansi never
        return done

    def lines_of(self, service: str) -> list[str]:
        """What a service has printed so far."""
        return self("logs", "--no-log-prefix", service).stdout.splitlines()

    def exit_code(self, container: str) -> int:
        """Wait until a container has ended, at most 200 s, and return its exit code."""
        waited = subprocess.run(
            ["docker", "wait", container], capture_output=True, text=True, check=True, timeout=200
        )
        return int(waited.stdout)

    def leftovers(self) -> list[str]:
        """What the engine still holds of this project: containers, networks, volumes."""
        label = f"label=com.docker.compose.project={self.project}"
        kinds = (["ps", "--all"], ["network", "ls"], ["volume", "ls"])
        lists = (
            subprocess.run(
                ["docker", *kind, "-q", "--filter", label], capture_output=True, text=True, check=True
            )
            for kind in kinds
        )
        return [line for one in lists for line in one.stdout.split()]
