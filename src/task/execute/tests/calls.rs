//! What a Python function is given, and how its code is imported.

use super::*;

#[tokio::test]
async fn parameters_are_supplied_by_name() {
    let bench = Bench::new();
    let text = "
from pathlib import Path
from typing import Optional
from kptn.util.pipeline_config import PipelineConfig
from kptn.util.runtime_config import RuntimeConfig
def B(pipeline_config: PipelineConfig, A, threshold, where: Optional[Path], DATA_YEAR, idx, output_dir, *, unused=5, runtime_config: RuntimeConfig):
  assert isinstance(pipeline_config, PipelineConfig) and isinstance(where, Path) and isinstance(output_dir, Path)
  assert pipeline_config.scratch_dir == output_dir and pipeline_config.externals_dir == str(output_dir / 'externals')
  return [A, threshold, str(where), DATA_YEAR, idx, unused, runtime_config.threshold, runtime_config.get('no', 1), runtime_config.DATA_YEAR]
";
    let mut function = bench.function("B.py", text);
    function.given.insert("A".into(), r#"["NC"]"#.into());
    function.given.insert("where".into(), r#""x/y""#.into());
    function.args = vec!["where".into()];
    function.config.insert("threshold".into(), json!(0.5));
    function.config.insert("other".into(), json!({"$function": "no.such:module"}));
    function.pipeline.insert("DATA_YEAR".into(), json!("2023"));
    let done = bench.workers.run(&bench.python_job(function)).await;
    assert_eq!(value(&done), json!([["NC"], 0.5, "x/y", "2023", null, 5, 0.5, 1, "2023"]));
}

#[tokio::test]
async fn config_functions_are_called_when_asked_for_and_get_config_by_name() {
    let bench = Bench::new();
    bench.write(
        "src/db.py",
        "def engine(url, task_info, port=1):\n  return [url, port, task_info['task_name']]\n",
    );
    let mut function = bench.function("B.py", "def B(engine):\n  return engine\n");
    function.config = BTreeMap::from([
        ("engine".to_owned(), json!({"$function": "src.db:engine"})),
        ("url".to_owned(), json!("pg://x")),
    ]);
    function.info.insert("task_name".into(), "B".into());
    assert_eq!(value(&bench.workers.run(&bench.python_job(function)).await), json!(["pg://x", 1, "B"]));
}

#[tokio::test]
async fn what_nobody_supplies_and_what_nobody_takes_is_named() {
    let bench = Bench::new();
    let done = bench.python("def B(a, b):\n  pass\n").await;
    assert_eq!(failure_of(&done), "nothing supplies parameter `a`, `b` of `B`");
    let mut function = bench.function("B.py", "def B():\n  pass\n");
    function.given.insert("x".into(), "1".into());
    function.args = vec!["x".into()];
    let done = bench.workers.run(&bench.python_job(function)).await;
    assert_eq!(failure_of(&done), "`B` does not take `x`, which `args` names");
    let mut function = bench.function("B.py", "def build():\n  pass\n");
    function.function = "biuld".into();
    let done = bench.workers.run(&bench.python_job(function)).await;
    assert_eq!(failure_of(&done), "`B.py` has no function `biuld`; did you mean `build`?");
}

#[tokio::test]
async fn scripts_are_members_of_their_package_or_have_a_name_of_their_own() {
    let bench = Bench::new();
    bench.write("py_tasks/__init__.py", "from .other import thing\n");
    bench.write("py_tasks/other.py", "thing = 1\n");
    let function = bench.function("py_tasks/B.py", "from .other import thing\nfrom py_tasks import thing as t\ndef B():\n  return [__name__, thing, t]\n");
    let done = bench.workers.run(&bench.python_job(function)).await;
    assert_eq!(value(&done), json!(["py_tasks.B", 1, 1]));
    bench.write("A/run.py", "x = 'of A'\n");
    bench.write("run.py", "x = 'of the root'\n");
    bench.write("C/helpers.py", "x = 'of C'\n");
    let text = "import helpers\nfrom .helpers import x\nfrom A.run import x as a\ndef B():\n  return [helpers.x, x, a]\n";
    let done = bench.workers.run(&bench.python_job(bench.function("C/run.py", text))).await;
    assert_eq!(value(&done), json!(["of C", "of C", "of A"]));
    assert!(done.imported.contains(&bench.root().join("A/run.py")), "{:?}", done.imported);
    // A package that is called like one of Python's own.
    bench.write("json/__init__.py", "");
    let done =
        bench.workers.run(&bench.python_job(bench.function("json/B.py", "def B():\n  return 1\n"))).await;
    assert_eq!(value(&done), json!(1));
}

#[tokio::test]
async fn bytecode_of_the_project_is_neither_believed_nor_written() {
    let bench = Bench::new();
    let helper = bench.write("helper.py", "x = 'new'\n");
    let stamp = std::fs::metadata(&helper).unwrap().modified().unwrap();
    std::fs::write(&helper, "x = 'old'\n").unwrap();
    let set =
        |path: &Path| std::fs::File::options().write(true).open(path).unwrap().set_modified(stamp).unwrap();
    set(&helper);
    let compile = crate::process::Launch::new(&*PYTHON).arguments(["-m", "py_compile"]).arguments([&helper]);
    let compiled = crate::process::run_captured(&compile, Duration::from_secs(60)).unwrap();
    assert!(compiled.ended.is_success());
    std::fs::write(&helper, "x = 'new'\n").unwrap();
    set(&helper);
    let done = bench.python("import helper\ndef B():\n  return helper.x\n").await;
    assert_eq!(value(&done), json!("new"));
    let files = std::fs::read_dir(bench.root().join("__pycache__")).unwrap().count();
    assert_eq!(files, 1, "B.py must not be compiled into the project");
}

#[tokio::test]
async fn processes_that_the_task_starts_find_its_functions() {
    let bench = Bench::new();
    let text = "import multiprocessing\ndef double(x):\n  return 2 * x\ndef B():\n  with multiprocessing.get_context('spawn').Pool(1) as pool:\n    return pool.map(double, [1, 2])\n";
    let done = bench.python(text).await;
    assert_eq!((value(&done), done.notes), (json!([2, 4]), vec![]));
}
