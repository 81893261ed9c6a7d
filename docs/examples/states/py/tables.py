"""Tables as lists of dictionaries: reading, writing, numbers."""

import csv


def read_table(path):
    """Reads a CSV file; what looks like a number becomes one."""
    with open(path, newline="") as file:
        return [{name: number(text) for name, text in row.items()} for row in csv.DictReader(file)]


def write_table(path, rows):
    """Writes rows that all have the same columns."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def number(text):
    """Returns a text as a number where it is one."""
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text
