def counts(states, output_dir):
    (output_dir / "counts.csv").write_text("".join(f"{state},{len(state)}\n" for state in states))
