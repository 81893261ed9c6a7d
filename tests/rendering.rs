//! `kptn render`: runners for engines, kptn's own and by template.

use std::path::Path;

use serde_json::Value;

use crate::support::{Output, Project, packages_python, python_task, tasks_yaml};

/// The project that every engine runs, `docs/examples/engines`.
fn survey() -> Project {
    Project::example("engines")
}

/// Runs the Prefect flow with a stand-in for Prefect; returns what it said, and when parts began and ended.
fn flow(project: &Project, graph: &str, words: &[&str]) -> (Output, Vec<String>) {
    let notes = project.outside("prefect.txt");
    let _ = std::fs::remove_file(&notes);
    let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines/stub");
    let mut command = project.program("python3");
    command.arg("-B").arg(format!("flows/{graph}_flow.py")).args(words);
    command.env("PYTHONPATH", stub).env("PREFECT_STUB", &notes);
    let output = project.finish(command, words);
    let notes = std::fs::read_to_string(notes).unwrap_or_default();
    (output, notes.lines().map(str::to_owned).collect())
}

fn at(notes: &[String], what: &str) -> usize {
    notes.iter().position(|note| note == what).unwrap_or_else(|| panic!("no `{what}` in {notes:?}"))
}

#[test]
fn the_prefect_flow_runs_each_task_when_its_own_dependencies_are_done() {
    let project = survey();
    // The slow one waits for the end of the diamond.
    project.edit(
        "tasks/weather.py",
        "time.sleep(3)",
        "deadline = time.time() + 60\n    while not (output_dir / 'compare.txt').exists():\n        \
         assert time.time() < deadline, 'a level waits for it'\n        time.sleep(0.01)",
    );
    project.kptn(&["render", "--runner", "prefect"]).succeeds().says("survey_flow.py");
    let (output, notes) = flow(&project, "survey", &[]);
    output.succeeds();
    assert_eq!(project.not_fresh(), "");
    assert!(at(&notes, "end weather") < at(&notes, "begin late_report"));
    let end_of_states = at(&notes, "end states");
    assert!(end_of_states < at(&notes, "begin counts") && end_of_states < at(&notes, "begin fit, items 0-3"));
    assert!(at(&notes, "end fit, items 9-10") < at(&notes, "begin fit"));

    let (output, notes) = flow(&project, "survey", &[]);
    output.succeeds();
    assert!(notes.is_empty(), "nothing to do: {notes:?}");
    let (output, notes) = flow(&project, "survey", &["--ignore-cache", "compare"]);
    output.succeeds();
    assert_eq!(notes, ["begin compare", "end compare"]);
}

#[test]
fn the_prefect_flow_has_no_more_bundles_in_flight_than_group_size_allows() {
    let project = survey();
    project.edit("kptn.yaml", "bundle_size: 3, group_size: 6", "bundle_size: 1, group_size: 2");
    project.kptn(&["render", "--runner", "prefect"]).succeeds();
    let (output, notes) = flow(&project, "survey", &["+fit"]);
    output.succeeds();
    let (mut running, mut most) = (0, 0);
    for note in notes.iter().filter(|note| note.contains("fit, items")) {
        running += if note.starts_with("begin") { 1 } else { -1 };
        most = most.max(running);
    }
    assert_eq!(most, 2, "a window that slides: {notes:?}");
    assert_eq!(notes.iter().filter(|note| note.starts_with("begin fit, items")).count(), 10);
}

#[test]
fn a_failing_item_fails_the_flow_with_its_reason_and_holds_up_nothing_else() {
    let project = survey().file("broken", "");
    project.edit("kptn.yaml", "summary: [fit, fit_r, compare]", "summary: [fit, fit_r, compare, strict]");
    project.edit("kptn.yaml", "strict: {", "strict: {retries: 1, ");
    project.kptn(&["render", "--runner", "prefect"]).succeeds();
    let (output, notes) = flow(&project, "survey", &[]);
    let output = output.exits(1).whole();
    assert!(output.contains("ValueError: NC has a negative count"), "{output}");
    assert!(output.contains("1 failed, 1 skipped, 8 ran"), "{output}");
    assert_eq!(
        notes.iter().filter(|note| *note == "begin strict, items 4-8").count(),
        2,
        "Prefect tries again"
    );
    assert!(!notes.iter().any(|note| note == "begin strict" || note == "begin summary"), "{notes:?}");
    project.remove("broken");
    let (output, notes) = flow(&project, "survey", &[]);
    output.succeeds();
    assert_eq!(at(&notes, "begin strict, items 4-5"), 0, "the failed item alone: {notes:?}");
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn flow_type_names_what_is_rendered_and_check_tells_whether_it_is_current() {
    let project = Project::new()
        .yaml(
            &(tasks_yaml("A: ", &["A: {outputs: [A.txt], tags: [db], retries: 3, timeout: 2m}"])
                + "settings: {flow_type: prefect, prefect: {task_runner: dask, address: 'tcp://h:8786'}}\n"),
        )
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"));
    project.kptn(&["render", "--check"]).exits(1);
    project.kptn(&["render"]).succeeds().says("g.py").says("g_flow.py");
    project.kptn(&["render", "--check"]).succeeds();
    let text = project.read("flows/g_flow.py");
    for part in [
        "tags=[\"db\"]",
        "retries=3",
        "timeout_seconds=180",
        "DaskTaskRunner(address=CLUSTER)",
        "tcp://h:8786",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(
        !text.contains(env!("CARGO_PKG_VERSION")) && !text.contains(&project.path("").display().to_string())
    );
    project.edit("kptn.yaml", "retries: 3", "retries: 4");
    project.kptn(&["render", "--check", "--runner", "prefect"]).exits(1).says("outdated");
    project.kptn(&["render"]).succeeds();
    assert!(project.read("flows/g_flow.py").contains("retries=4"));
    // Workers would each start a server.
    let (output, _) = flow(&project, "g", &[]);
    output.exits(4).says("prefect server start");
}

#[test]
fn names_that_mean_something_to_python_and_prefect_are_only_names() {
    let project = Project::new()
        .yaml(
            "graphs:\n  'my graph-1 %s é':\n    tasks: {'a $task': , class: 'a $task'}\n\
               tasks:\n  'a $task': {file: 'A.py:A', outputs: [A.txt]}\n  class: {file: 'B.py:B'}\n",
        )
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"))
        .file("B.py", python_task("B", "pass"));
    project.kptn(&["render", "--runner", "prefect"]).succeeds();
    let (output, _) = flow(&project, "my graph-1 %s é", &[]);
    output.succeeds();
    assert_eq!(project.ran(), "A B");
}

#[test]
fn a_template_of_the_users_makes_a_file_of_its_own() {
    let project = survey();
    project.write(
        "templates/list.txt.jinja",
        "# {{ header }}\n{% for task in tasks %}{{ task.name }}: {{ task.commands.run | sh }}\n{% endfor %}",
    );
    project.kptn(&["render", "--runner", "list.txt"]).succeeds().says("survey_list.txt");
    let text = project.read("flows/survey_list.txt");
    assert!(
        text.starts_with("# Made from kptn.yaml by `kptn render --runner list.txt`. kptn-runner "),
        "{text}"
    );
    assert!(text.contains("\nfit: task run --graph survey fit\n"), "{text}");
    project.kptn(&["render", "--runner", "list.txt", "--check"]).succeeds();
    project.write("flows/survey_list.txt", text + "mine\n");
    project.kptn(&["render", "--runner", "list.txt"]).succeeds().says("edited");
    project.kptn(&["render", "--runner", "list.txt", "--replace"]).succeeds().says(".kept");

    project.kptn(&["render", "--runner", "lost"]).exits(2).says("`lost`").says("Makefile").says("prefect");
    project.write("templates/bad.jinja", "{{ task.nam }}\n");
    project.kptn(&["render", "--runner", "bad"]).exits(2).says("bad").says("--context");
    project.write("templates/bad.jinja", "{# writes: ../x #}\n");
    project.kptn(&["render", "--runner", "bad"]).exits(2).says("not in the project");
}

#[test]
fn the_context_of_templates_is_printed_as_json() {
    let project = survey();
    let context: Value = project.kptn(&["render", "--context", "--runner", "Makefile"]).succeeds().json();
    assert_eq!((&context["version"], &context["contract"]), (&1.into(), &1.into()));
    assert_eq!((&context["root"], &context["config"]), (&".".into(), &"kptn.yaml".into()));
    let fit = context["tasks"].as_array().into_iter().flatten().find(|task| task["name"] == "fit");
    let fit = fit.unwrap_or_else(|| panic!("no task in {context}"));
    assert_eq!(
        (&fit["mapped"], &fit["bundle_size"], &fit["group_size"], &fit["deps"]),
        (&true.into(), &3.into(), &6.into(), &serde_json::json!(["states"]))
    );
    assert_eq!(
        fit["commands"]["bundles"],
        serde_json::json!(["task", "bundles", "--graph", "survey", "fit"])
    );
    let context: Value = project.kptn(&["render", "--context"]).succeeds().json();
    assert_eq!(context["config"], "../kptn.yaml");
}

/// Runs the script for Slurm with a stand-in for sbatch; returns what it said, and the jobs.
fn slurm(project: &Project, words: &[&str]) -> (Output, Vec<String>) {
    let (state, jobs) = (project.outside("slurm"), project.outside("jobs.txt"));
    for left in [std::fs::remove_dir_all(&state), std::fs::remove_file(&jobs)] {
        drop(left);
    }
    std::fs::create_dir(&state).expect("a folder");
    let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines/stub/bin");
    let path = format!("{}:{}", stub.display(), crate::support::search_path());
    let mut command = project.program("sh");
    command.arg("flows/survey_slurm.sh").args(words).env("PATH", path).env("SLURM_STUB", &state);
    let output = project.finish(command, words);
    let jobs = std::fs::read_to_string(jobs).unwrap_or_default();
    (output, jobs.lines().map(str::to_owned).collect())
}

#[test]
fn the_script_for_slurm_submits_what_is_stale_with_its_dependencies_and_claims() {
    let project = survey().file("broken", "");
    project.kptn(&["render", "--runner", "slurm"]).succeeds().says("survey_slurm.sh");
    let (output, jobs) = slurm(&project, &["--wait"]);
    let output = output.exits(1).whole();
    assert!(output.contains("NC has a negative count") && output.contains("9 ran, 1 failed"), "{output}");
    let has = |job: &str| assert!(jobs.iter().any(|one| one.contains(job)), "no {job} in {jobs:#?}");
    has("3|states|||1||");
    has("4|counts|afterok:3||1|256M|");
    has("|compare|afterok:4:5||1||4");
    has("|fit, items|afterok:7|1-100%2|1||");
    has("|survey, close|afterany:1:2:3:4:5:6:7");

    project.remove("broken");
    let (output, jobs) = slurm(&project, &["--wait"]);
    output.succeeds();
    assert_eq!(jobs.len(), 4, "the bundles of one task, their items, itself, and the close: {jobs:#?}");
    assert_eq!(project.not_fresh(), "");
    let (output, jobs) = slurm(&project, &[]);
    assert_eq!(output.succeeds().stdout, "1\n");
    assert_eq!(jobs, ["1|survey, close|||||"]);
}

#[test]
fn the_makefile_of_the_example_runs_the_graph() {
    let project = survey().file("broken", "");
    project.kptn(&["render", "--runner", "Makefile"]).succeeds();
    let make = |words: &[&str]| {
        let mut command = project.program("make");
        command.args(["-f", "survey.mk"]).args(words).env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
        project.finish(command, words)
    };
    make(&["-j4", "-k"]).exits(2).says("NC has a negative count").says("1 failed");
    project.remove("broken");
    make(&["-j4"]).succeeds().says("1 ran, 9 fresh");
    assert_eq!(project.not_fresh(), "");
    assert!(!project.exists(".kptn-run-survey"));
}

#[test]
fn the_workflow_of_the_example_fits_the_schema_of_github() {
    let project = survey();
    project.kptn(&["render", "--runner", "github.yml"]).succeeds();
    let checker = packages_python().with_file_name("check-jsonschema");
    let mut command = project.program(&checker.display().to_string());
    command.args(["--builtin-schema", "vendor.github-workflows", ".github/workflows/survey.yml"]);
    project.finish(command, &["github"]).succeeds();
}

#[test]
fn a_state_machine_is_written_beside_the_plain_runner_and_its_notes_are_said() {
    let project = survey();
    project.edit("kptn.yaml", "settings:\n", "settings:\n  flow_type: stepfunctions\n");
    project
        .kptn(&["render"])
        .succeeds()
        .says("survey.py")
        .says("survey.asl.json")
        .says("note: `counts` asks for 0.5 vCPU and 0.25 GB: Fargate has 0.5 vCPU and 1 GB for that")
        .says("note: `settings.concurrency` of `scarce` does not hold there");
    project.kptn(&["render", "--check"]).succeeds();
    let machine: Value = serde_json::from_str(&project.read("flows/survey.asl.json")).expect("JSON");
    let comment = machine["Comment"].as_str().unwrap_or_default();
    assert!(comment.starts_with("Made from kptn.yaml by `kptn render --runner stepfunctions`"), "{comment}");
    project.edit("kptn.yaml", "retries: 1", "retries: 2");
    project.kptn(&["render", "--check", "--runner", "stepfunctions"]).exits(1).says("outdated");
    let files: Value = project.kptn(&["render", "--json", "--runner", "stepfunctions"]).succeeds().json();
    assert_eq!(
        (&files["files"][0]["state"]["state"], files["files"][0]["notes"].as_array().map(Vec::len)),
        (&"written".into(), Some(2))
    );
}

#[test]
fn one_template_of_aws_holds_what_all_graphs_need() {
    let project = survey();
    project.edit("kptn.yaml", "graphs:\n", "graphs:\n  other graph:\n    tasks: {weather: }\n");
    let files: Value = project.kptn(&["render", "--runner", "aws", "--json"]).succeeds().json();
    assert_eq!(files["files"].as_array().map(Vec::len), Some(1), "{files}");
    let text = project.read("flows/aws/template.yaml");
    assert!(text.starts_with("# Made from kptn.yaml by `kptn render --runner aws`. kptn-runner "), "{text}");
    for machine in
        ["MachineOthergraph", "MachineSurvey:", "${AWS::StackName}-other-graph-", "${AWS::StackName}-survey"]
    {
        assert!(text.contains(machine), "{machine} in {text}");
    }
    project.kptn(&["render", "--runner", "aws", "--check"]).succeeds();
    // A machine that changes is put elsewhere, so that the stack sees it.
    project.edit("kptn.yaml", "retries: 1", "retries: 2");
    project.kptn(&["render", "--runner", "aws", "--check"]).exits(1);
}
