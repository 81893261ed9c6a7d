//! Real scripts, real faults: each of these once hung, lied or left something behind somewhere.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::process::{AlwaysAsk, find_interpreters, own_environment};

static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let project = crate::model::Project {
        root: "/".into(),
        config_path: "/kptn.yaml".into(),
        settings: crate::model::Settings::default(),
        graphs: indexmap::IndexMap::new(),
        unused_tasks: Vec::new(),
    };
    let path = |name: &str| (name == "PATH").then(|| std::env::var("PATH").unwrap());
    find_interpreters(&project, &path, &AlwaysAsk).interpreters.python.expect("tests need Python").path
});

static RSCRIPT: LazyLock<PathBuf> = LazyLock::new(|| {
    crate::process::find_program("Rscript", &std::env::var("PATH").unwrap()).expect("tests need Rscript")
});

/// A project in a folder of its own, and workers for it.
struct Bench {
    folder: tempfile::TempDir,
    workers: Workers,
}

impl Bench {
    fn new() -> Self {
        let quick = Duration::from_millis(300);
        Self::patient(Patience { grace: quick, leaving: quick, log: Bounds { head: 2000, tail: 1000 } })
    }

    fn patient(patience: Patience) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("project/scratch/main")).unwrap();
        let workers = Workers::new(&root.join("run"), None, patience).unwrap();
        Self { folder, workers }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("project")
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.root().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn job(&self, interpreter: &Path, folder: PathBuf, code: Code) -> Job {
        Job {
            task: TaskName::parse("B").unwrap(),
            item: None,
            code,
            interpreter: interpreter.to_owned(),
            environment: own_environment(),
            folder,
            root: self.root(),
            outputs: self.root().join("scratch/main"),
            log: self.root().join("../logs/B.log"),
            timeout: None,
            lines: None,
        }
    }

    fn r_job(&self, file: &str, text: &str) -> Job {
        let script = self.write(file, text);
        let folder = script.parent().unwrap().to_owned();
        let code = RScript { script, prefix: Vec::new(), arguments: Vec::new(), inputs: None };
        self.job(&RSCRIPT, folder, Code::R(code))
    }

    async fn r(&self, text: &str) -> Attempted {
        self.workers.run(&self.r_job("B/run.R", text)).await
    }

    fn function(&self, file: &str, text: &str) -> PythonFunction {
        PythonFunction {
            script: self.write(file, text),
            function: "B".to_owned(),
            roots: vec![self.root()],
            wants_result: true,
            warm: false,
            given: BTreeMap::new(),
            args: Vec::new(),
            config: BTreeMap::new(),
            pipeline: BTreeMap::from([(
                "scratch_dir".to_owned(),
                json!(self.root().join("scratch/main").to_str().unwrap()),
            )]),
            info: BTreeMap::new(),
        }
    }

    fn python_job(&self, function: PythonFunction) -> Job {
        let code = Code::Python { function: Arc::new(function), item: BTreeMap::new() };
        self.job(&PYTHON, self.root(), code)
    }

    async fn python(&self, text: &str) -> Attempted {
        self.workers.run(&self.python_job(self.function("B.py", text))).await
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.root().join("../logs/B.log")).unwrap()).into_owned()
    }
}

fn failure_of(attempted: &Attempted) -> String {
    attempted.outcome.clone().expect_err("it should have failed").to_string()
}

fn value(attempted: &Attempted) -> Value {
    assert_eq!(attempted.outcome, Ok(()), "{:?}", attempted.log_tail);
    serde_json::from_slice(attempted.result.as_ref().expect("it has a result")).unwrap()
}

mod r {
    use super::*;

    #[tokio::test]
    async fn a_script_runs_in_its_folder_and_prints_into_its_log() {
        let bench = Bench::new();
        let done =
            bench.r("cat(basename(getwd()), '\\n'); message('to stderr'); stopifnot(!interactive())").await;
        assert_eq!(done.outcome, Ok(()));
        assert_eq!(done.log_tail, ["B ", "to stderr"]);
        assert!(done.timing.cpu_ms > 10 && done.timing.peak_kib > 10_000, "{:?}", done.timing);
    }

    #[tokio::test]
    async fn a_plain_stop_is_the_error() {
        let bench = Bench::new();
        assert_eq!(failure_of(&bench.r("stop('no data for NC')").await), "Error: no data for NC");
        let nested = bench.r("f <- function(x) stop('no data')\nf(1)").await;
        assert_eq!(failure_of(&nested), "Error in f(1) : no data");
        assert_eq!(failure_of(&bench.r("quit(status = 3)").await), "exit code 3");
    }

    #[tokio::test]
    async fn words_before_and_after_reach_the_script() {
        let bench = Bench::new();
        let mut job = bench.r_job("B/run.R", "cat(commandArgs(TRUE), Sys.getenv('X'), sep = '|')");
        let Code::R(script) = &mut job.code else { unreachable!() };
        script.prefix = vec!["/usr/bin/env".into(), "X=a b".into()];
        script.arguments = vec!["--state".into(), "New York".into()];
        let done = bench.workers.run(&job).await;
        assert_eq!(done.log_tail, ["--state|New York|a b"]);
    }

    #[tokio::test]
    async fn values_too_large_for_the_environment_come_in_a_file() {
        let bench = Bench::new();
        let text = "x <- readLines(Sys.getenv('KPTN_INPUTS'), warn = FALSE); cat(nchar(x))";
        let mut job = bench.r_job("B/run.R", text);
        let Code::R(script) = &mut job.code else { unreachable!() };
        script.inputs = Some(json!({"A": "x".repeat(200_000)}).to_string().into_bytes());
        assert_eq!(bench.workers.run(&job).await.log_tail, ["200008"]);
    }

    #[tokio::test]
    async fn the_projects_profile_is_read_in_the_projects_folder_and_the_scripts_too() {
        let bench = Bench::new();
        bench.write(".Rprofile", "source('renv/activate.R'); a <- basename(getwd())");
        bench.write("renv/activate.R", "activated <- TRUE");
        bench.write(".Renviron", "FROM_PROJECT=1\n");
        bench.write("B/.Rprofile", "b <- basename(getwd())");
        bench.write("B/.Renviron", "FROM_SCRIPT=2\n");
        let text = "cat(activated, a, b, basename(getwd()), Sys.getenv(c('FROM_PROJECT', 'FROM_SCRIPT')))";
        assert_eq!(bench.r(text).await.log_tail, ["TRUE project B B 1 2"]);
    }

    #[tokio::test]
    async fn a_missing_script_and_a_missing_interpreter_are_failures_with_a_log() {
        let bench = Bench::new();
        let mut job = bench.r_job("B/run.R", "");
        std::fs::remove_file(bench.root().join("B/run.R")).unwrap();
        assert!(failure_of(&bench.workers.run(&job).await).contains("cannot open file"));
        job.interpreter = "/no/Rscript".into();
        assert!(
            failure_of(&bench.workers.run(&job).await)
                .starts_with("cannot start `/no/Rscript`: No such file")
        );
        assert!(bench.log().contains("[kptn: cannot start"));
    }
}

mod faults {
    use super::*;

    /// A script for `/bin/sh` in the place of `Rscript`: faster, and it can do anything.
    async fn sh(bench: &Bench, text: &str, change: impl FnOnce(&mut Job)) -> Attempted {
        let mut job = bench.r_job("B/run.R", text);
        job.interpreter = "/bin/sh".into();
        change(&mut job);
        bench.workers.run(&job).await
    }

    #[tokio::test]
    async fn a_script_that_ignores_sigterm_is_killed_when_its_time_is_up() {
        let bench = Bench::new();
        let text = "trap '' TERM; (trap '' TERM; sleep 1000) & echo $$; while :; do sleep 0.01; done";
        let done = sh(&bench, text, |job| job.timeout = Some(Duration::from_millis(200))).await;
        assert_eq!(failure_of(&done), "stopped after 0.2 s (`timeout`)");
        let group = crate::process::Group::of(done.log_tail[0].parse().unwrap());
        assert!(!group.is_alive());
    }

    #[tokio::test]
    async fn a_background_child_is_stopped_and_that_is_said() {
        let bench = Bench::new();
        let done = sh(&bench, "sleep 1000 & echo $$", |_| ()).await;
        assert_eq!(done.outcome, Ok(()));
        assert_eq!(done.notes, ["background child stopped: it outlived the task"]);
        let group = crate::process::Group::of(done.log_tail[0].parse().unwrap());
        assert!(!group.is_alive());
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_are_shown_all_the_same() {
        let bench = Bench::new();
        let done = sh(&bench, "printf 'caf\\351 10%%\\r20%%\\n'", |_| ()).await;
        assert_eq!(done.log_tail, ["20%"]);
        let done = sh(&bench, "printf 'caf\\351\\n'; exit 1", |_| ()).await;
        assert_eq!(failure_of(&done), "caf\u{fffd}");
    }

    #[tokio::test]
    async fn a_flood_is_cut_in_the_middle() {
        let bench = Bench::new();
        let text = "echo first; i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; echo last";
        let done = sh(&bench, text, |_| ()).await;
        let log = bench.log();
        assert!(log.starts_with("first\nline 0\n") && log.ends_with("line 1999\nlast\n"), "{log}");
        assert!(log.contains("KiB left out]") && log.len() < 3100, "{}", log.len());
        assert_eq!(done.notes.len(), 1, "{:?}", done.notes);
        assert_eq!(done.log_range, (0, log.len() as u64));
    }

    #[tokio::test]
    async fn a_gigabyte_takes_neither_memory_nor_for_ever() {
        let bench = Bench::patient(Patience { log: Bounds::default(), ..Patience::default() });
        let done = sh(&bench, "yes 'a line of a flood' | head -c 1000000000; echo; echo last", |_| ()).await;
        assert_eq!(done.outcome, Ok(()));
        assert_eq!(done.log_tail.last().unwrap(), "last");
        assert!(bench.log().len() < 17 * 1024 * 1024);
    }

    #[tokio::test]
    async fn lines_are_heard_as_they_come_and_the_log_has_them_too() {
        let bench = Bench::new();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        let sink: LineSink = Arc::new(move |line: &str| ears.lock().unwrap().push(line.to_owned()));
        sh(&bench, "echo one; printf two", |job| job.lines = Some(sink)).await;
        assert_eq!(*heard.lock().unwrap(), ["one", "two"]);
        assert_eq!(bench.log(), "one\ntwo");
    }

    #[tokio::test]
    async fn an_attempt_tells_its_own_lines_from_those_of_the_attempt_before() {
        let bench = Bench::new();
        sh(&bench, "echo before", |_| ()).await;
        let done = sh(&bench, "echo now", |_| ()).await;
        assert_eq!((done.log_tail, done.log_range), (vec!["now".to_owned()], (7, 4)));
    }

    #[tokio::test]
    async fn stopping_the_run_stops_what_runs_and_lets_nothing_start() {
        let bench = Bench::new();
        bench.workers.stop();
        assert_eq!(failure_of(&sh(&bench, "sleep 1000", |_| ()).await), "stopped");
        let job = bench.python_job(bench.function("B.py", "import time\ndef B():\n  time.sleep(1000)\n"));
        assert_eq!(failure_of(&bench.workers.run(&job).await), "stopped");
    }

    #[tokio::test]
    async fn a_program_that_may_not_be_executed_is_said() {
        let bench = Bench::new();
        let program = bench.write("Rscript", "");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o644)).unwrap();
        let done = sh(&bench, "", |job| job.interpreter = program.clone()).await;
        assert!(failure_of(&done).ends_with("Permission denied (os error 13)"), "{:?}", done.outcome);
    }
}

mod python {
    use super::*;

    #[tokio::test]
    async fn a_function_returns_json_and_prints_into_its_log() {
        let bench = Bench::new();
        let done = bench.python("import sys\ndef B():\n  print('out'); print('err', file=sys.stderr)\n  return {'b': [1, 2.5, None], 'a': 'é'}\n").await;
        assert_eq!(done.result.as_deref(), Some(r#"{"a":"é","b":[1,2.5,null]}"#.as_bytes()));
        assert_eq!(done.log_tail, ["out", "err"]);
        assert_eq!(done.imported, [bench.root().join("B.py")]);
        assert!(done.timing.cpu_ms > 5 && done.timing.peak_kib > 5_000, "{:?}", done.timing);
    }

    #[tokio::test]
    async fn a_traceback_shows_the_users_frames_alone() {
        let bench = Bench::new();
        let done = bench.python("def f():\n  raise ValueError('no data')\ndef B():\n  f()\n").await;
        assert_eq!(failure_of(&done), "ValueError: no data");
        assert_eq!(done.log_tail[0], "Traceback (most recent call last):");
        assert!(done.log_tail[1].contains("B.py\", line 4, in B"), "{:?}", done.log_tail);
        assert!(!bench.log().contains("kptn_worker"), "{}", bench.log());
        let done = bench.python("def B(:\n").await;
        assert!(failure_of(&done).starts_with("SyntaxError: invalid syntax"), "{:?}", done.outcome);
        assert!(!bench.log().contains("importlib"), "{}", bench.log());
    }

    #[tokio::test]
    async fn every_way_of_leaving_is_told_apart() {
        let bench = Bench::new();
        for (body, failure) in [
            ("sys.exit(0)", "sys.exit() was called, so nothing was returned"),
            ("sys.exit(4)", "sys.exit(4)"),
            ("sys.exit('no data')", "no data"),
            ("os._exit(3)", "the process ended before the function returned: exit code 3"),
            ("os._exit(0)", "the process ended before the function returned: exit code 0"),
            ("import ctypes; ctypes.string_at(0)", "the process ended before the function returned: SIGSEGV"),
            (
                "os.kill(os.getpid(), 9)",
                "the process ended before the function returned: SIGKILL, perhaps for want of memory",
            ),
            (
                "os.closerange(3, 100); os._exit(5)",
                "the process ended before the function returned: exit code 5",
            ),
            ("B()", "RecursionError: maximum recursion depth exceeded"),
            ("raise KeyboardInterrupt", "KeyboardInterrupt"),
            ("yield 1", "`B` has a `yield`: calling it made a generator and ran nothing"),
            (
                "import atexit; atexit.register(os._exit, 7)",
                "the function returned, but the process did not end well: exit code 7",
            ),
        ] {
            let done = bench.python(&format!("import os, sys\ndef B():\n  {body}\n")).await;
            assert_eq!(failure_of(&done), failure, "{body}");
        }
        let mut function = bench.function("B.py", "import sys\ndef B():\n  sys.exit(0)\n");
        function.wants_result = false;
        assert_eq!(bench.workers.run(&bench.python_job(function)).await.outcome, Ok(()));
    }

    #[tokio::test]
    async fn an_orphan_that_holds_every_descriptor_keeps_nobody_waiting() {
        let bench = Bench::new();
        let text = "import os, time\ndef B():\n  if os.fork() == 0:\n    time.sleep(1000)\n  os._exit(3)\n";
        let done = bench.python(text).await;
        assert_eq!(failure_of(&done), "the process ended before the function returned: exit code 3");
        assert_eq!(done.notes, ["background child stopped: it outlived the task"]);
    }

    #[tokio::test]
    async fn threads_are_waited_for_as_a_script_would_and_stopped_where_they_never_end() {
        let bench = Bench::new();
        let text = "import threading, time\ndef slow():\n  time.sleep(0.05); open('late', 'w').close()\ndef B():\n  threading.Thread(target=slow).start()\n";
        let done = bench.python(text).await;
        assert_eq!((done.outcome, done.notes), (Ok(()), vec![]));
        assert!(bench.root().join("late").exists());
        let text = "import threading, time\ndef B():\n  threading.Thread(target=time.sleep, args=(1000,), name='heart').start()\n";
        let done = bench.python(text).await;
        assert_eq!(done.outcome, Ok(()));
        assert_eq!(done.notes, ["threads stopped: still running (heart) 0.3 s after the function returned"]);
    }

    #[tokio::test]
    async fn an_async_function_is_awaited() {
        let bench = Bench::new();
        let text = "import asyncio\nasync def B():\n  await asyncio.sleep(0)\n  return 1\n";
        assert_eq!(value(&bench.python(text).await), json!(1));
    }

    #[tokio::test]
    async fn what_is_no_json_is_refused_with_place_and_type_only_where_it_is_kept() {
        let bench = Bench::new();
        for (returned, refused) in [
            ("[0, 1, 2, {'when': datetime.timedelta(1)}]", "[3].when: datetime.timedelta"),
            ("{'a': {1: 2}}", "a{1}: key of type int"),
            ("[float('nan')]", "[0]: float nan"),
            ("2**64", "the result: int of more than 64 bits"),
            ("object()", "the result: object"),
            ("'\\udc80'", "the result: str that is not Unicode: '\\udc80'"),
            ("[b'x']", "[0]: bytes"),
        ] {
            let text = format!("import datetime\ndef B():\n  return {returned}\n");
            let done = bench.python(&text).await;
            assert_eq!(failure_of(&done), format!("the result cannot be kept as JSON: {refused}"));
            let mut function = bench.function("B.py", &text);
            function.wants_result = false;
            assert_eq!(bench.workers.run(&bench.python_job(function)).await.outcome, Ok(()));
        }
        let text = "def B():\n  a = []\n  a.append(a)\n  return a\n";
        assert!(failure_of(&bench.python(text).await).ends_with("...: nested deeper than 100"));
    }

    #[tokio::test]
    async fn what_has_a_plain_twin_becomes_it() {
        let bench = Bench::new();
        let text = "
import datetime, decimal, enum, pathlib, collections
class State(enum.Enum):
  NC = 'North Carolina'
class Number(enum.IntEnum):
  ONE = 1
def B(scratch_dir):
  return [(1, 2), range(2), {'b', 'a'}, State.NC, Number.ONE, decimal.Decimal('1.10'), datetime.date(2024, 2, 29),
    datetime.datetime(2024, 2, 29, 1, tzinfo=datetime.timezone.utc), collections.OrderedDict(x=1),
    scratch_dir / 'a' / 'b.csv', str(scratch_dir) + '/c.csv', str(scratch_dir) + 'x', pathlib.PurePosixPath('d'), True, 2**63, 1e22, -0.0]
";
        let outputs = bench.root().join("scratch/main");
        let expected = json!([
            [1, 2], [0, 1], ["a", "b"], "North Carolina", 1, "1.10", "2024-02-29", "2024-02-29T01:00:00+00:00",
            {"x": 1}, "a/b.csv", "c.csv", format!("{}x", outputs.display()), "d", true, 9_223_372_036_854_775_808_u64, 1e22, -0.0
        ]);
        assert_eq!(value(&bench.python(text).await), expected);
    }

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
        let set = |path: &Path| {
            std::fs::File::options().write(true).open(path).unwrap().set_modified(stamp).unwrap()
        };
        set(&helper);
        let compiled =
            std::process::Command::new(&*PYTHON).args(["-m", "py_compile"]).arg(&helper).status().unwrap();
        assert!(compiled.success());
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

    #[tokio::test]
    async fn items_share_a_process_that_looks_new_to_each() {
        let bench = Bench::new();
        let text = "
import os, random, sys
def B(STATE, A):
  before = [os.environ.get('LEFT'), os.path.basename(os.getcwd()), sys.argv[1:], len(A)]
  os.environ['LEFT'] = 'x'; os.chdir('/'); sys.argv.append('x'); A.append(1); random.seed(1)
  print(STATE); sys.stdout = None
  if STATE == 'crash': os._exit(1)
  if STATE == 'orphan': os.system('sleep 1000 &')
  return [os.getpid(), before]
";
        let mut function = bench.function("B.py", text);
        function.given.insert("A".into(), "[]".into());
        function.warm = true;
        let function = Arc::new(function);
        let mut seen = Vec::new();
        for state in ["NC", "SC", "crash", "VA", "orphan", "GA"] {
            let item = BTreeMap::from([("STATE".to_owned(), json!(state))]);
            let code = Code::Python { function: Arc::clone(&function), item };
            let mut job = bench.job(&PYTHON, bench.root(), code);
            job.item = Some(state.to_owned());
            job.log = bench.root().join(format!("{state}.log"));
            let done = bench.workers.run(&job).await;
            assert_eq!(done.log_tail[0], state);
            if state == "crash" {
                assert_eq!(failure_of(&done), "the process ended before the function returned: exit code 1");
                continue;
            }
            let left: &[&str] =
                if state == "orphan" { &["background child stopped: it outlived the task"] } else { &[] };
            assert_eq!(done.notes, left);
            assert_eq!(done.imported, [bench.root().join("B.py")]);
            let value = value(&done);
            assert_eq!(value[1], json!([null, "project", [], 0]), "{state}");
            seen.push(value[0].clone());
        }
        bench.workers.finish(&TaskName::parse("B").unwrap()).await;
        assert_eq!(seen[0], seen[1], "the second item has the first one's process");
        assert_ne!(seen[1], seen[2], "after a crash there is a new one");
        assert_eq!(seen[2], seen[3]);
        assert_ne!(seen[3], seen[4], "after leaving a child behind as well");
    }
}
