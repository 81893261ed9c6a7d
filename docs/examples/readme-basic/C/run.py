from pathlib import Path


def C(pipeline_config):
    folder = Path(pipeline_config.scratch_dir)
    a = (folder / "A.csv").read_text().splitlines()
    b = (folder / "B.csv").read_text().splitlines()
    (folder / "C.csv").write_text("\n".join([f"rows,{len(a) - 1}", b[0], *sorted(b[1:])]) + "\n")
