//! Short ways to write the projects that tests need again and again.

/// Returns a Python task that leaves its name in the file `$TRACE` and then does `body`.
pub fn python_task(name: &str, body: &str) -> String {
    format!(
        "import os\nfrom pathlib import Path\n\n\ndef {name}(output_dir: Path):\n    \
         with open(os.environ['TRACE'], \"a\") as trace:\n        trace.write('{name}\\n')\n    {body}\n"
    )
}

/// Returns a `kptn.yaml` with one graph `g`; each task is in `<name>.py`: `tasks_yaml("A: , B: A", &["A: {outputs: [a]}", "B: {}"])`.
pub fn tasks_yaml(graph: &str, tasks: &[&str]) -> String {
    let mut yaml = format!("graphs:\n  g:\n    tasks: {{{graph}}}\ntasks:\n");
    for task in tasks {
        let (name, fields) = task.split_once(": {").expect("`name: {fields}`");
        let comma = if fields == "}" { "" } else { ", " };
        yaml += &format!("  {name}: {{file: {name}.py{comma}{fields}\n");
    }
    yaml
}

/// Returns a Python task as [`python_task`] does that first waits until the test opens its gate.
/// It gives up after a minute, so that nothing is left behind.
pub fn gated_task(name: &str, body: &str) -> String {
    python_task(
        name,
        &format!(
            "import time\n    gate = Path(os.environ['GATE'])\n    (gate / '{name}.pid').write_text(str(os.getpid()))\n    os.replace(gate / '{name}.pid', gate / '{name}.ready')\n    \
             deadline = time.time() + 60\n    \
             while not (gate / '{name}.go').exists():\n        \
             assert time.time() < deadline, 'the gate stayed shut'\n        time.sleep(0.01)\n    {body}"
        ),
    )
}
