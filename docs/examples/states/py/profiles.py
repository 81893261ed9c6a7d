"""One state beside all others: its rank in each column. Runs once a state."""

import json
from pathlib import Path
from statistics import median

from tables import read_table

RANKED = ["population", "income", "illiteracy", "murder_arrests", "urban_percent", "people_per_square_mile"]


def profile(US_STATE, output_dir: Path, decimals):
    states = read_table(output_dir / "joined.csv")
    state = next(row for row in states if row["abbreviation"] == US_STATE)
    result = {"state": US_STATE, "name": state["name"], "region": state["region"]}
    for column in RANKED:
        values = [row[column] for row in states]
        result[column] = {
            "value": state[column],
            "rank": 1 + sum(value > state[column] for value in values),
            "of_median": round(state[column] / median(values), decimals),
        }
    path = output_dir / "profiles" / f"{US_STATE}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
