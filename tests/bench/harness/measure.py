"""Runs a command and says what it cost, in CPU seconds: its own and those of everything it started.

Wall time is kept, never compared: on a busy machine it says more about the others than about kptn.
"""

import copy
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path


LONGEST = 600  # seconds for one command; the longest, a run of 1,000 tasks, takes a minute or two


@dataclass(frozen=True)
class Sample:
    """What one command cost."""

    cpu: float  # seconds, user and system, children included
    peak: int  # KiB resident, of the largest single process
    wall: float  # seconds


class CommandFailed(Exception):
    """A command that is measured must end well, or its time means nothing."""


class Meter:
    """Measures by a small C program, in an environment without the user's own settings."""

    def __init__(self, program: Path, home: Path):
        self.program = program
        home.mkdir(parents=True, exist_ok=True)
        kept = ("PATH", "LANG", "TMPDIR")
        self.environment = {name: os.environ[name] for name in kept if name in os.environ} | {
            "HOME": str(home),
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(home / "dvc"),
            "GIT_AUTHOR_NAME": "bench", "GIT_AUTHOR_EMAIL": "bench@localhost",
            "GIT_COMMITTER_NAME": "bench", "GIT_COMMITTER_EMAIL": "bench@localhost",
        }

    def within(self, more: dict[str, str]) -> "Meter":
        """The same, with more in the environment."""
        meter = copy.copy(self)
        meter.environment = self.environment | more
        return meter

    def run(self, command: list[str | Path], folder: Path) -> Sample:
        """Runs a command once; raises where it does not end with 0."""
        with tempfile.TemporaryDirectory() as place:
            report, output = Path(place, "report"), Path(place, "output")
            with output.open("w") as sink:
                self.wait(subprocess.Popen([self.program, report, *command], cwd=folder, env=self.environment,
                                           stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                                           start_new_session=True), command)
            cpu, peak, wall, code = (int(word) for word in report.read_text().split())
            if code != 0:
                tail = "\n".join(output.read_text(errors="replace").splitlines()[-15:])
                raise CommandFailed(f"`{' '.join(map(str, command))}` ended with {code} in {folder}:\n{tail}")
        return Sample(cpu / 1e6, peak, wall / 1e6)

    @staticmethod
    def wait(running: subprocess.Popen, command: list[str | Path]) -> None:
        """Waits for a command, but not for ever: the bench as a whole has to end."""
        try:
            code = running.wait(LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            raise CommandFailed(f"`{' '.join(map(str, command))}` took longer than {LONGEST} s") from None
        if code != 0:
            raise CommandFailed(f"`{' '.join(map(str, command))}` could not be measured")

    def least(self, command: list[str | Path], folder: Path, times: int, before=None) -> Sample:
        """Runs a command several times and returns the cheapest; `before` runs, unmeasured, ahead of each.

        Noise only ever adds, so the least is the nearest to what the work costs.
        """
        samples = []
        for _ in range(times):
            if before:
                before()
            samples.append(self.run(command, folder))
        best = min(samples, key=lambda sample: sample.cpu)
        return Sample(best.cpu, max(sample.peak for sample in samples), best.wall)

    def said(self, command: list[str | Path], folder: Path) -> str:
        """Runs a command that is preparation, and returns its standard output."""
        done = subprocess.run(command, cwd=folder, env=self.environment, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=LONGEST)
        if done.returncode != 0:
            raise CommandFailed(f"`{' '.join(map(str, command))}` ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return done.stdout

    def quietly(self, command: list[str | Path], folder: Path) -> None:
        """Runs a command that is preparation, unmeasured."""
        self.run(command, folder)
