"""One table of all states: facts and arrests side by side."""

from pathlib import Path

from tables import read_table, write_table

COLUMNS = ["abbreviation", "name", "region", "longitude", "latitude", "population", "income", "illiteracy", "area"]


def joined(output_dir: Path):
    facts = read_table(output_dir / "state_facts.csv")
    arrests = {row.pop("name"): row for row in read_table(output_dir / "arrests.csv")}
    rows = [{name: state[name] for name in COLUMNS} | arrests[state["name"]] for state in facts]
    for row in rows:
        row["people_per_square_mile"] = density(row)
    write_table(output_dir / "joined.csv", rows)
    print(f"{len(rows)} states, {len(rows[0])} columns")


def density(state):
    """state.x77 counts people in thousands."""
    return round(state["population"] * 1000 / state["area"], 2)
