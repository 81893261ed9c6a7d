from pathlib import Path

from kptn.util.pipeline_config import PipelineConfig

from ..util.text import heading


def per_year(pipeline_config: PipelineConfig, YEAR: int, idx=None):
    folder = Path(pipeline_config.scratch_dir)
    rows = (folder / "crimes.csv").read_text().splitlines()[1:]
    (folder / "per_year").mkdir(exist_ok=True)
    (folder / "per_year" / f"{YEAR}.txt").write_text("\n".join([heading("crimes", YEAR), *rows]) + "\n")
