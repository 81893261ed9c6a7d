"""One graph, written down for each program that runs it.

Task number i writes one small file and depends on tasks i - 10 and i / 2: ten start at once, every later
one waits for one or two, and the longest path has a tenth of the tasks.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

SHARED_FUNCTIONS = 500  # of ten lines each: a module of 5,000 lines


@dataclass(frozen=True)
class Shape:
    """How large a graph is, and whether all its scripts import one large module."""

    tasks: int
    shared_module: bool = False

    def names(self) -> list[str]:
        return [name(number) for number in range(self.tasks)]

    def dependencies(self, number: int) -> list[str]:
        if number < 10:
            return []
        return [name(other) for other in sorted({number - 10, number // 2})]


def name(number: int) -> str:
    return f"t{number:05}"


def script(shape: Shape, number: int, parameter: str, folder: str) -> str:
    """One trivial task: a function for kptn, and a script for those that start programs."""
    task = name(number)
    value, head = f'"{number}"', ""
    if shape.shared_module:
        value, head = f"shared.helper_{number % SHARED_FUNCTIONS}({number})", "import shared\n\n\n"
    return (f'{head}def {task}({parameter}):\n'
            f'    with open(f"{folder}/{task}.txt", "w") as file:\n'
            f'        file.write(str({value}) + "\\n")\n\n\n'
            f'if __name__ == "__main__":\n'
            f'    import sys\n'
            f'    {task}(sys.argv[1])\n')


def shared_module() -> str:
    """A module of 5,000 lines, of which each task uses one function."""
    functions = []
    for number in range(SHARED_FUNCTIONS):
        lines = [f"def helper_{number}(value):", f'    """Helper number {number}."""', "    total = value"]
        lines += [f"    total = total * {number + step} + {step}" for step in range(4)]
        functions.append("\n".join([*lines, f"    return total % {number + 7}", "", ""]))
    return "\n".join(functions) + "\n"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def start(root: Path) -> None:
    """Begins with an empty folder."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)


def write_scripts(root: Path, shape: Shape, parameter: str = "output_dir", folder: str = "{output_dir}") -> None:
    for number in range(shape.tasks):
        write(root / f"tasks/{name(number)}.py", script(shape, number, parameter, folder))
    if shape.shared_module:
        write(root / "tasks/shared.py", shared_module())


def write_kptn(root: Path, shape: Shape, python: Path) -> None:
    """For kptn: `kptn.yaml` and the scripts."""
    write_scripts(root, shape)
    write_kptn_yaml(root, shape, "py", f"python: {json.dumps(str(python))}")


def write_kptn_r(root: Path, shape: Shape, rscript: Path) -> None:
    """For kptn, in R: the same graph, for as many tasks as no real interpreter is started for."""
    for number in range(shape.tasks):
        task = name(number)
        value = f"helper_{number % SHARED_FUNCTIONS}({number})" if shape.shared_module else number
        head = 'source("shared.R")\n' if shape.shared_module else ""
        text = f'{head}folder <- Sys.getenv("OUTPUT_PIPELINE_DIR")\nwriteLines(paste({value}), file.path(folder, "{task}.txt"))\n'
        write(root / f"tasks/{task}.R", text)
    if shape.shared_module:
        bodies = "\n".join(f"  total <- total * {step} + {step}" for step in range(7))
        write(root / "tasks/shared.R", "\n".join(
            f"helper_{number} <- function(total) {{\n{bodies}\n  total %% {number + 7}\n}}" for number in range(SHARED_FUNCTIONS)))
    write_kptn_yaml(root, shape, "R", f"rscript: {json.dumps(str(rscript))}")


def write_kptn_yaml(root: Path, shape: Shape, ending: str, setting: str) -> None:
    graph = [f"      {name(number)}: [{', '.join(shape.dependencies(number))}]" for number in range(shape.tasks)]
    tasks = [f"  {task}:\n    file: tasks/{task}.{ending}\n    outputs: [{task}.txt]" for task in shape.names()]
    settings = f"settings:\n  {setting}\n  flows_dir: flows"
    write(root / "kptn.yaml", "\n".join(["graphs:", "  bench:", "    tasks:", *graph, "tasks:", *tasks, settings, ""]))


def write_old_kptn(root: Path, shape: Shape) -> None:
    """For kptn 0.1.17: its words for the same, a folder for its runner and one for what tasks write."""
    write_scripts(root, shape, "", "scratch")
    (root / "scratch").mkdir(parents=True, exist_ok=True)
    graph = [f"      {name(number)}: [{', '.join(shape.dependencies(number))}]" for number in range(shape.tasks)]
    tasks = [f"  {task}:\n    file: {task}.py\n    outputs: [{task}.txt]" for task in shape.names()]
    write_old_kptn_config(root, graph, tasks)


def write_old_kptn_mapped(root: Path, items: int) -> None:
    """For kptn 0.1.17: a list and a task that does nothing for each of its items."""
    write(root / "tasks" / "listed.py", f"def listed():\n    return list(range({items}))\n")
    write(root / "tasks" / "each.py", "def each(N):\n    pass\n")
    write_old_kptn_config(root, ["      listed: []", "      each: [listed]"], [
        "  listed: {file: listed.py, cache_result: true, iterable_item: N}", "  each: {file: each.py, map_over: N}"])


def write_old_kptn_config(root: Path, graph: list[str], tasks: list[str]) -> None:
    settings = "settings:\n  py_tasks_dir: tasks\n  flows_dir: flows\n  flow_type: vanilla\n  db: sqlite"
    write(root / "kptn.yaml", "\n".join(["graphs:", "  bench:", "    tasks:", *graph, "tasks:", *tasks, settings, ""]))
    write(root / "pyproject.toml", '[tool.kptn]\ntasks_conf_path = "kptn.yaml"\npy_tasks_dir = "tasks"\n'
          'flows_dir = "flows"\ndocker_image = ""\n')


def write_ninja(root: Path, shape: Shape, command: str) -> None:
    """For ninja; `command` makes `$out` of `$in`."""
    write_scripts(root, shape)
    (root / "out").mkdir(parents=True, exist_ok=True)
    lines = ["rule run", f"  command = {command}"]
    for number in range(shape.tasks):
        inputs = "".join(f" out/{other}.txt" for other in shape.dependencies(number))
        inputs += " tasks/shared.py" if shape.shared_module else ""
        lines.append(f"build out/{name(number)}.txt: run tasks/{name(number)}.py |{inputs}".rstrip(" |"))
    write(root / "build.ninja", "\n".join(lines) + "\n")


def write_snakemake(root: Path, shape: Shape, python: Path) -> None:
    """For Snakemake: a rule a task."""
    write_scripts(root, shape)
    everything = json.dumps([f"out/{task}.txt" for task in shape.names()])
    lines = [f"rule everything:\n    input: {everything[1:-1]}"]
    for number in range(shape.tasks):
        inputs = [f"tasks/{name(number)}.py", *(f"out/{other}.txt" for other in shape.dependencies(number))]
        lines.append(f"rule {name(number)}:\n    input: {json.dumps(inputs)[1:-1]}\n"
                     f"    output: \"out/{name(number)}.txt\"\n"
                     f"    shell: \"{python} tasks/{name(number)}.py out\"")
    write(root / "Snakefile", "\n\n".join(lines) + "\n")


def write_dvc(root: Path, shape: Shape, python: Path) -> None:
    """For DVC: a stage a task."""
    write_scripts(root, shape)
    (root / "out").mkdir(parents=True, exist_ok=True)
    lines = ["stages:"]
    for number in range(shape.tasks):
        task = name(number)
        inputs = [f"tasks/{task}.py", *(f"out/{other}.txt" for other in shape.dependencies(number))]
        lines += [f"  {task}:", f"    cmd: {python} tasks/{task}.py out", f"    deps: {json.dumps(inputs)}",
                  f"    outs: [out/{task}.txt]"]
    write(root / "dvc.yaml", "\n".join(lines) + "\n")
