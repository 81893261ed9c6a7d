"""The table, the JSON and the page: one row a case, kptn beside its floor and its peers."""

import datetime
import json
import math
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True)
class Goal:
    """A bound that the issue or the page sets, and what was measured against it."""

    text: str
    value: float
    bound: float

    @property
    def met(self) -> bool:
        return self.value <= self.bound

    def __str__(self) -> str:
        verdict = "" if math.isinf(self.bound) else " met" if self.met else " MISSED"
        return f"{self.text}: {self.value:.2f}{verdict}"


@dataclass
class Row:
    """One case."""

    what: str
    kptn: float | None  # CPU seconds
    floor: float | None  # CPU seconds
    peers: dict[str, float] = field(default_factory=dict)  # CPU seconds
    peak: int | None = None  # KiB
    goals: list[Goal] = field(default_factory=list)
    problem: str | None = None

    def cells(self) -> list[str]:
        ratio = f"{self.kptn / self.floor:.2f}" if self.kptn and self.floor else ""
        peers = ", ".join(f"{name} {seconds(cpu)}" for name, cpu in self.peers.items())
        goals = "; ".join(map(str, self.goals)) or (f"no figure: {self.problem}" if self.problem else "")
        peak = f"{self.peak / 1024:.0f}" if self.peak else ""
        return [self.what, seconds(self.kptn), seconds(self.floor), ratio, peak, peers, goals]


HEAD = ["case", "kptn", "floor", "ratio", "MiB", "peers", "goals"]


def seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 1 else f"{value:.2f}"


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table whose columns line up."""
    return lined_up([row.cells() for row in rows])


def lined_up(lines: list[list[str]]) -> str:
    lines = [HEAD, *lines]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    texts = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    texts.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(texts)


def machine() -> dict[str, object]:
    return {
        "date": datetime.date.today().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def save(rows: list[Row], mode: str, path: Path) -> None:
    """Writes the figures as JSON; version 1 of it."""
    document = {"version": 1, "mode": mode, "machine": machine(), "unit": "CPU seconds", "rows": [
        {"what": row.what, "kptn": row.kptn, "floor": row.floor, "peers": row.peers, "peak_kib": row.peak,
         "goals": [{"text": goal.text, "value": goal.value, "bound": None if math.isinf(goal.bound) else goal.bound, "met": goal.met}
                   for goal in row.goals], "problem": row.problem}
        for row in rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")


def update_page(rows: list[Row], page: Path, only: list[str] | None) -> None:
    """Replaces the figures between the two marks of the page; where just some cases ran, theirs alone."""
    head, rest = page.read_text().split(BEGIN)
    old, tail = rest.split(END)
    about = machine()
    note = f"{about['date']}, {about['system']}, {about['cores']} cores, load {about['load']} at the end."
    new = {row.what: row.cells() for row in rows}
    if only:
        note = f"{old.strip().splitlines()[0]} {', '.join(only).capitalize()}: {note}"
        kept = [[cell.strip() for cell in line.strip("|").split("|")] for line in old.strip().splitlines() if line.startswith("| ")]
        new = {cells[0]: cells for cells in kept[1:]} | new
    else:
        note = f"Measured on {note} CPU seconds."
    page.write_text(f"{head}{BEGIN}\n{note}\n\n{lined_up(list(new.values()))}\n{END}{tail}")
