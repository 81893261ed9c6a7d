"""What to map over: kptn keeps the return values of these functions."""

from pathlib import Path

from tables import read_table


def state_list(output_dir: Path):
    return sorted(row["abbreviation"] for row in read_table(output_dir / "joined.csv"))


def region_list(output_dir: Path):
    return sorted({row["region"] for row in read_table(output_dir / "joined.csv")})
