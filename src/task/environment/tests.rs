//! Tests of what a task is handed, from `kptn.yaml` to the job.

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde_json::{Value, json};

use super::*;
use crate::model::{AfterFailure, BranchName, Force, GraphName, Interpreters, ProjectId, RunId, Stream};

/// A project on disk and the run of its graph `g`.
struct Bench {
    _folder: tempfile::TempDir,
    project: Project,
    plan: RunPlan,
    results: BTreeMap<TaskName, Arc<[u8]>>,
    inherited: Environment,
}

impl Bench {
    fn new(yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for file in ["A.R", "B/run.R", "C.py", "NC.R"] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "").unwrap();
        }
        std::fs::write(root.join("kptn.yaml"), yaml).unwrap();
        let project = crate::config::load_file(&root.join("kptn.yaml")).unwrap().project;
        let here = |path: &str| Some(Interpreter { path: path.into(), version: "4.2.2".into() });
        let plan = RunPlan {
            format: 1,
            id: RunId::new(1, 1),
            project: ProjectId::parse("p").unwrap(),
            root: root.clone(),
            config_path: root.join("kptn.yaml"),
            branch: BranchName::parse("feature/x").unwrap(),
            head: None,
            commit: None,
            outputs_dir: root.join("scratch/feature-x"),
            graph: project.graphs[&GraphName::parse("g").unwrap()].clone(),
            tasks: Vec::new(),
            fresh: 0,
            base: BTreeMap::new(),
            items: BTreeMap::new(),
            deferred: BTreeMap::new(),
            force: Force::No,
            cache: Default::default(),
            after_failure: AfterFailure::Stop,
            ignore_stale_deps: false,
            jobs: None,
            stream: Stream::No,
            interpreters: Interpreters { python: here("/bin/python3"), r: here("/bin/Rscript") },
            probes: BTreeMap::new(),
            command: String::new(),
            user: String::new(),
        };
        let inherited = [("PATH", "/bin"), ("OWN", "1"), ("KPTN_PASS_FDS", "5")];
        let inherited = inherited.map(|(name, value)| (name.into(), value.into())).into();
        Self { _folder: folder, project, plan, results: BTreeMap::new(), inherited }
    }

    fn result(mut self, dep: &str, value: &Value) -> Self {
        self.results.insert(TaskName::parse(dep).unwrap(), value.to_string().into_bytes().into());
        self
    }

    fn circumstances(&self) -> Circumstances<'_> {
        Circumstances {
            project: &self.project,
            plan: &self.plan,
            results: &self.results,
            inherited: &self.inherited,
        }
    }

    fn task(&self, name: &str) -> &Task {
        &self.plan.graph.tasks[name]
    }

    fn job_of(&self, name: &str, item: Option<&Item>) -> Result<Job, EnvironmentError> {
        prepare(self.task(name), self.circumstances())?.job(item, Path::new("/log"), None)
    }

    fn job(&self, name: &str) -> Job {
        self.job_of(name, None).unwrap()
    }

    fn error(&self, name: &str) -> String {
        self.job_of(name, None).err().unwrap().to_string()
    }
}

fn item(value: Value) -> Item {
    Item { values: [("STATE", value)].into_iter().collect() }
}

fn get<'a>(job: &'a Job, name: &str) -> Option<&'a str> {
    job.environment.get(&OsString::from(name)).and_then(|value| value.to_str())
}

fn r(job: &Job) -> &RScript {
    let Code::R(script) = &job.code else { panic!("an R script was expected") };
    script
}

fn python(job: &Job) -> &PythonFunction {
    let Code::Python { function, .. } = &job.code else { panic!("a Python function was expected") };
    function
}

const SMALL: &str = "
config: {year: 2024, threshold: 1.0e-7, engine: {function: 'db:engine'}, states: [NC]}
graphs: {g: {tasks: {A: , B: A, C: A}}}
tasks:
  A: {file: A.R, outputs: [a.csv]}
  B: {file: B/run.R, args: {flag: true, text: 'a b', n: 27601}, env: {X: '1', DATA_YEAR: '2020'}}
  C: {file: C.py, args: {n: 1}}
";

#[test]
fn an_r_script_gets_the_users_environment_kptns_and_its_values() {
    let bench = Bench::new(SMALL).result("A", &json!(["NC"]));
    let job = bench.job("B");
    let outputs = bench.plan.outputs_dir.to_str().unwrap();
    for (name, value) in [
        ("OWN", Some("1")),
        ("KPTN_PASS_FDS", None),
        ("KPTN_BRANCH", Some("feature/x")),
        ("KPTN_GRAPH", Some("g")),
        ("KPTN_TASK", Some("B")),
        ("KPTN_OUTPUT_DIR", Some(outputs)),
        ("OUTPUT_PIPELINE_DIR", Some(outputs)),
        ("INPUT_PIPELINE_DIR", Some(outputs)),
        ("EXTERNAL_FILE_PATH", Some(format!("{outputs}/externals").as_str())),
        ("DATA_YEAR", Some("2020")),
        ("year", Some("2024")),
        ("threshold", Some("0.0000001")),
        ("states", Some("[\"NC\"]")),
        ("engine", None),
        ("flag", Some("true")),
        ("text", Some("a b")),
        ("n", Some("27601")),
        ("A", Some("[\"NC\"]")),
        ("X", Some("1")),
    ] {
        assert_eq!(get(&job, name), value, "{name}");
    }
    assert_eq!(get(&bench.job("A"), "DATA_YEAR"), Some("2024"));
    assert_eq!(job.folder, bench.plan.root.join("B"));
    let inputs: Value = serde_json::from_slice(r(&job).inputs.as_ref().unwrap()).unwrap();
    let expected = json!({"A": ["NC"], "flag": true, "n": 27601, "states": ["NC"], "text": "a b", "threshold": 1e-7, "year": 2024});
    assert_eq!(inputs, expected);
}

#[test]
fn a_python_function_gets_its_values_apart_from_config() {
    let bench = Bench::new(SMALL).result("A", &json!(["NC"]));
    let job = bench.job("C");
    let function = python(&job);
    assert_eq!(function.given, BTreeMap::from([("A".into(), "[\"NC\"]".into()), ("n".into(), "1".into())]));
    assert_eq!(function.args, ["n"]);
    assert_eq!(function.config["engine"], json!({"$function": "db:engine"}));
    assert_eq!(function.pipeline["DATA_YEAR"], "2024");
    assert_eq!((job.folder.as_path(), &function.roots[0]), (bench.plan.root.as_path(), &bench.plan.root));
    assert_eq!((get(&job, "n"), get(&job, "KPTN_TASK")), (None, Some("C")));
}

#[test]
fn a_long_value_comes_in_the_file_alone_and_many_do_not_crowd_out_the_start() {
    let long = "x".repeat(32 * 1024 + 1);
    let bench = Bench::new(SMALL).result("A", &json!(long));
    let job = bench.job("B");
    assert_eq!(get(&job, "A"), None);
    let inputs: Value = serde_json::from_slice(r(&job).inputs.as_ref().unwrap()).unwrap();
    assert_eq!(inputs["A"], long);
    let mut bench = Bench::new(SMALL);
    for number in 0..100 {
        bench.plan.graph.config.insert(format!("v{number}"), json!("x".repeat(30_000)));
    }
    let job = bench.job("B");
    let together: usize = job.environment.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(together < 600 * 1024, "{together}");
    let inputs: Value = serde_json::from_slice(r(&job).inputs.as_ref().unwrap()).unwrap();
    assert_eq!(inputs["v99"], "x".repeat(30_000));
}

#[test]
fn names_and_values_that_no_environment_can_hold_are_refused() {
    let refused = |line: &str| {
        let yaml = format!("graphs: {{g: {{tasks: {{A: }}}}}}\ntasks:\n  A: {{file: A.R, {line}}}\n");
        Bench::new(&yaml).error("A")
    };
    assert_eq!(
        refused("args: {PATH: x}"),
        "argument `PATH` would replace the environment variable of that name; give it another name"
    );
    assert!(refused("args: {KPTN_TASK: x}").starts_with("argument `KPTN_TASK` would replace"));
    assert!(refused("args: {'a=b': x}").starts_with("argument `a=b` cannot be an environment variable"));
    assert!(refused("args: {a: \"x\\0y\"}").ends_with("its value holds a NUL"));
    let long = "x".repeat(131_072);
    assert!(refused(&format!("env: {{A: {long}}}")).starts_with("environment variable `A` has 131074 bytes"));
}

const MAPPED: &str = "
graphs: {g: {tasks: {A: , B: A, C: A, D: [A]}}}
tasks:
  A: {file: 'C.py:A', cache_result: true, iterable_item: STATE}
  B: {file: '${STATE}.R', map_over: STATE, prefix_args: 'FOO=1 BAR=\"a b\" nice -n 5', cli_args: \"--to '${STATE}'\", logs: '${STATE}/x.log'}
  C: {file: 'C.py:C', map_over: STATE}
  D: {file: 'C.py:D', map_over: STATE, args: {all: {ref: A}}}
";

#[test]
fn an_item_gets_its_own_value_and_never_the_list() {
    let bench = Bench::new(MAPPED).result("A", &json!(["NC"]));
    let job = bench.job_of("B", Some(&item(json!("NC")))).unwrap();
    assert_eq!((get(&job, "STATE"), get(&job, "A"), job.item.as_deref()), (Some("NC"), None, Some("NC")));
    assert_eq!(r(&job).inputs, None, "what fits the environment is not in the file");
    assert_eq!(r(&job).script, bench.plan.root.join("NC.R"));
    let job = bench.job_of("C", Some(&item(json!({"a": 1})))).unwrap();
    assert!(python(&job).given.is_empty());
    assert_eq!(job.item.as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(
        bench.error("D"),
        "argument `all` refers to `A`, whose list this task maps over; an item gets its own value alone"
    );
    let missing = bench.job_of("B", Some(&self::item(json!("XX")))).err().unwrap();
    assert_eq!(missing.to_string(), "`XX.R` is not there");
}

#[test]
fn words_are_split_before_values_are_filled_in() {
    let bench = Bench::new(MAPPED);
    std::fs::write(bench.plan.root.join("a \"b\".R"), "").unwrap();
    let job = bench.job_of("B", Some(&item(json!("a \"b\"")))).unwrap();
    assert_eq!(r(&job).arguments, ["--to", "a \"b\""]);
    assert_eq!(r(&job).prefix, ["nice", "-n", "5"]);
    assert_eq!((get(&job, "FOO"), get(&job, "BAR")), (Some("1"), Some("a b")));
}

#[test]
fn the_seed_is_that_of_the_task_and_item_and_fits_r() {
    let bench = Bench::new(MAPPED);
    let seed = |task: &str, state: &str| {
        let job = bench.job_of(task, Some(&item(json!(state)))).unwrap();
        get(&job, "KPTN_SEED").unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(seed("C", "NC"), seed("C", "NC"));
    assert_ne!(seed("C", "NC"), seed("C", "SC"));
    assert_ne!(seed("C", "NC"), seed("B", "NC"));
    assert!(seed("C", "NC") <= i32::MAX as u32);
}

#[test]
fn logs_stay_in_their_folder() {
    let bench = Bench::new(MAPPED);
    let path = |state: &str| {
        log_path(bench.task("B"), Some(&item(json!(state))), bench.circumstances(), Path::new("/run/logs"))
    };
    assert_eq!(path("NC"), Ok(bench.plan.outputs_dir.join("log/B/NC/x.log")));
    assert_eq!(
        path("..").unwrap_err().to_string(),
        "`logs` names `../x.log`, which leaves the folder of logs"
    );
    let plain = log_path(bench.task("C"), None, bench.circumstances(), Path::new("/run/logs"));
    assert!(plain.unwrap().to_str().unwrap().starts_with("/run/logs/C~"));
}

#[test]
fn an_interpreter_that_is_nowhere_is_named() {
    let mut bench = Bench::new(SMALL);
    bench.plan.interpreters = Interpreters::default();
    assert_eq!(
        (bench.error("A").as_str(), bench.error("C").as_str()),
        ("no Rscript was found", "no Python was found")
    );
}
