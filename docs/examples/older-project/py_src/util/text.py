def heading(label, year):
    return f"{label} {year}"
