def compare(output_dir):
    lines = [(output_dir / name).read_text().count("\n") for name in ("counts.csv", "shares.csv")]
    (output_dir / "compare.txt").write_text(f"{lines[0]} and {lines[1]}\n")
