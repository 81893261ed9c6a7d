import json
from pathlib import Path

from kptn.util.pipeline_config import PipelineConfig


def summary(pipeline_config: PipelineConfig, listed, label, unused="left alone"):
    folder = Path(pipeline_config.scratch_dir)
    result = {
        "label": label,
        "years": listed,
        "lines": len((folder / "merged.txt").read_text().splitlines()),
        "data_year": pipeline_config.DATA_YEAR,
        "unused": unused,
    }
    (folder / "summary.json").write_text(json.dumps(result) + "\n")
