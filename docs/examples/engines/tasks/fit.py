def fit(STATE, output_dir):
    (output_dir / "fit").mkdir(exist_ok=True)
    (output_dir / "fit" / f"{STATE}.txt").write_text(STATE.lower() + "\n")
