def late_report(output_dir):
    (output_dir / "late.txt").write_text("It was " + (output_dir / "weather.txt").read_text())
