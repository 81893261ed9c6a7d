def summary(output_dir):
    rows = [f"{path.stem},{path.read_text().strip()}" for path in sorted((output_dir / "fit").iterdir())]
    (output_dir / "summary.csv").write_text("\n".join(rows) + "\n")
