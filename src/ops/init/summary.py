"""Summarizes the table that `cars` wrote."""

import csv
import json
from pathlib import Path
from statistics import mean


def summary(output_dir: Path):
    with open(output_dir / "cars.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = {name: mean(float(row[name]) for row in rows) for name in ("speed", "dist")}
    (output_dir / "summary.json").write_text(json.dumps(numbers, indent=2) + "\n")
