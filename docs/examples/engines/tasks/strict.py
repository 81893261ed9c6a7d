from pathlib import Path


def strict(STATE, output_dir):
    if STATE == "NC" and Path("broken").exists():
        raise ValueError("NC has a negative count")
    (output_dir / "strict").mkdir(exist_ok=True)
    (output_dir / "strict" / f"{STATE}.txt").write_text("fine\n")
