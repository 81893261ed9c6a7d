//! `kptn run --runner`: an engine carries a run out, and it is followed like one of this machine.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::support::{Output, Project, gated_task, python, python_task, search_path, tasks_yaml};

fn stub(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines/stub").join(path)
}

/// A project that has a stand-in for Prefect, and one for Slurm on PATH.
fn with_stubs(project: Project) -> Project {
    let notes = project.outside("prefect.txt").display().to_string();
    let state = project.outside("queue");
    std::fs::create_dir(&state).expect("a folder");
    project
        .with_env("PYTHONPATH", &stub("").display().to_string())
        .with_env("PYTHONDONTWRITEBYTECODE", "1")
        .with_env("PREFECT_STUB", &notes)
        .with_env("SLURM_STUB", &state.display().to_string())
        .with_env("PATH", &format!("{}:{}", stub("bin").display(), search_path()))
}

fn survey() -> Project {
    let project = Project::example("engines");
    project.edit("tasks/weather.py", "time.sleep(3)", "pass");
    with_stubs(project)
}

/// A before B and C.
fn fork() -> Project {
    let yaml = tasks_yaml(
        "A: , B: A, C: A",
        &["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}", "C: {outputs: [C.txt]}"],
    );
    let project = ["A", "B", "C"].iter().fold(Project::new().yaml(&yaml), |project, name| {
        let body = format!("(output_dir / '{name}.txt').write_text('{name}')");
        project.file(&format!("{name}.py"), python_task(name, &body))
    });
    with_stubs(project)
}

/// Makes a template that runs each task by itself, and says how it is started.
fn with_script(project: Project) -> Project {
    project.edit("kptn.yaml", "graphs:", "settings: {templates: templates}\ngraphs:");
    project.file(
        "templates/script.sh.jinja",
        "{# starts: sh {{ command }} #}\n# {{ header }}\nkptn={{ kptn }}\n\
         run=$(\"$kptn\" {{ commands.open | sh }} --engine script) || exit\n\
         trap '\"$kptn\" {{ commands.close | sh }} --run \"$run\"' EXIT\n\
         {% for task in tasks %}\"$kptn\" {{ task.commands.run | sh }} --run \"$run\" || failed=1\n{% endfor %}",
    )
}

fn notes(project: &Project) -> String {
    std::fs::read_to_string(project.outside("prefect.txt")).unwrap_or_default()
}

/// Nobody holds the branch, and no process of a run is left.
fn is_free(project: &Project) {
    let id = project.kptn(&["run", "open", "--engine", "test"]).succeeds().stdout.trim().to_owned();
    project.kptn(&["run", "close", "--run", &id]);
}

fn closing(output: &Output) -> String {
    output.messages.lines().find(|line| line.contains(" in [TIME]")).unwrap_or_default().to_owned()
}

#[test]
fn every_engine_shows_what_a_local_run_shows_and_ends_as_it_does() {
    let local = survey().file("broken", "");
    let expected = closing(&local.kptn(&["run", "-k"]).exits(1));
    assert!(expected.starts_with("9 ran, 1 failed"), "{expected}");
    for (engine, file) in
        [("prefect", "flows/survey_flow.py"), ("slurm", "flows/survey_slurm.sh"), ("Makefile", "survey.mk")]
    {
        let project = survey().file("broken", "");
        let output =
            project.kptn(&["run", "-k", "--runner", engine]).exits(1).says(&format!("written   {file}"));
        assert_eq!(closing(&output), expected, "{}", output.whole());
        for line in
            ["strict  ", "note: strict: 1 of ", "NC has a negative count", "hint: `kptn output strict`"]
        {
            assert!(output.stderr.contains(line), "no `{line}` with {engine}: {}", output.whole());
        }
        let lines = |task: &str| output.stderr.lines().filter(|line| line.starts_with(task)).count();
        assert_eq!((lines("fit  "), lines("fit_r  "), lines("states  ")), (1, 1, 1), "{}", output.whole());
        assert_eq!(project.not_fresh(), "strict=failed");
        is_free(&project);

        project.remove("broken");
        let output =
            project.kptn(&["run", "--runner", engine]).succeeds().says("current").says("1 ran, 9 fresh");
        assert!(output.stderr.contains("strict"), "{}", output.whole());
        project.kptn(&["run", "--runner", engine]).succeeds().says("nothing to do, 10 fresh");
        assert_eq!(project.not_fresh(), "");
    }
}

#[test]
fn what_is_asked_of_a_run_is_asked_of_the_engine() {
    let project = with_script(fork());
    project.commit("project");
    project.git(&["branch", "other"]);
    for runner in ["prefect", "script.sh"] {
        let run = |words: &[&str]| project.kptn(&[&["run", "--runner", runner], words].concat());
        run(&["-n"]).succeeds().prints("B");
        run(&["-f", "A"]).succeeds().says("1 ran");
        assert_eq!(project.ran(), "A");
        run(&["-f", "C"]).succeeds();
        assert_eq!(project.ran(), "C");
        run(&["--exclude", "B"]).succeeds().says("fresh");
        assert_eq!(project.ran(), "");
        run(&["-f", "--branch", "other", "A"]).succeeds().says("scratch/other");
        assert_eq!(project.ran(), "A");
        run(&["--watch"]).exits(2).says("kptn run --watch");
        run(&["-j", "2"]).exits(2).says("group_size");
        let shared = [("KPTN_REMOTE", "file:///nowhere")];
        project.kptn_with(&shared, &["run", "--runner", runner]).exits(2).says("cannot be followed");
    }
    assert_eq!(project.not_fresh(), "B=stale");
    project.kptn(&["run", "--runner", "python"]).succeeds().says("1 ran");
    let events = project.kptn(&["run", "-f", "--json", "--runner", "prefect"]).succeeds().json_lines();
    let names: Vec<_> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!((names.first(), names.last()), (Some(&"run_started"), Some(&"run_finished")), "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "task_finished").count(), 3, "{names:?}");
    // Each with the word of what it prints, as a local run streams it.
    project.edit("B.py", "(output_dir /", "print('a line of B'); (output_dir /");
    project.kptn(&["run", "-v", "--runner", "prefect"]).succeeds().says("B | a line of B");
}

#[test]
fn after_a_failure_prefect_starts_nothing_more_unless_it_is_to_keep_going() {
    let project = fork();
    project.edit("kptn.yaml", "A: , B: A, C: A", "A: , B: , C: B");
    project.edit("B.py", "(output_dir /", "1 / 0; (output_dir /");
    project.edit("A.py", "(output_dir /", "import time; time.sleep(0.5); (output_dir /");
    project.edit("kptn.yaml", "A: , B: , C: B", "A: , B: , C: A");
    let failed = project.kptn(&["run", "--runner", "prefect"]).exits(1);
    failed.says("1 failed, 1 skipped").says("`B` failed").says("`kptn run --runner prefect state:failed`");
    assert!(!notes(&project).contains("C"), "{}", notes(&project));
    project.kptn(&["run", "-k", "--runner", "prefect"]).exits(1).says("1 ran, 1 fresh, 1 failed");
}

#[test]
fn an_engine_that_is_not_there_is_said_with_what_to_do_and_opens_nothing() {
    let project = fork();
    // A PATH without Slurm, also where the machine has it.
    let bare = project.outside("bin");
    std::fs::create_dir(&bare).expect("a folder");
    std::os::unix::fs::symlink(python(), bare.join("python3")).expect("a link");
    let run = |env: &[(&str, String)], engine: &str| {
        let mut command = project.command(&["run", "--runner", engine]);
        command.envs(env.iter().cloned());
        project.finish(command, &["run", "--runner", engine])
    };
    run(&[("PYTHONPATH", String::new())], "prefect")
        .exits(4)
        .says("`prefect` is not installed")
        .says("pip install");
    let old = project.outside("old/prefect-2.19.1.dist-info");
    std::fs::create_dir_all(&old).expect("a folder");
    std::fs::write(old.join("METADATA"), "Metadata-Version: 2.1\nName: prefect\nVersion: 2.19.1\n")
        .expect("a file");
    let old = project.outside("old").display().to_string();
    run(&[("PYTHONPATH", old)], "prefect").exits(4).says("version 2.19.1").says("written for 3");
    project.edit("kptn.yaml", "graphs:", "settings: {prefect: {task_runner: dask}}\ngraphs:");
    run(&[], "prefect").exits(4).says("need one Prefect server").says("prefect server start");
    project.edit("kptn.yaml", "settings: {prefect: {task_runner: dask}}\n", "");
    run(&[("PATH", bare.display().to_string())], "slurm")
        .exits(4)
        .says("no `sbatch` on PATH")
        .says("install its client");
    run(&[], "lost").exits(2).says("`lost`").says("prefect");
    project.edit("kptn.yaml", "graphs:", "settings: {templates: templates}\ngraphs:");
    project.write("templates/mute.jinja", "# {{ header }}\n");
    run(&[], "mute").exits(2).says("does not say how").says("{# starts: COMMAND #}");
    is_free(&project);

    // It is there, and cannot do it.
    project.write(
        "templates/broken.jinja",
        "{# starts: echo 'no room on this cluster' >&2; exit 7 #}\n# {{ header }}\n",
    );
    run(&[], "broken")
        .exits(4)
        .says("no room on this cluster")
        .says("broken left with exit code 7")
        .says("engine.log");
    is_free(&project);
    assert_eq!(project.ran(), "");
}

#[test]
fn ctrl_c_stops_the_engine_keeps_what_is_finished_and_frees_the_branch() {
    for engine in ["prefect", "script.sh", "slurm"] {
        let project =
            with_script(fork()).file("B.py", gated_task("B", "(output_dir / 'B.txt').write_text('B')"));
        let running = project.start(&["run", "--runner", engine]);
        project.wait_for("B");
        running.signal(Signal::INT);
        let (code, _, said) = running.wait();
        assert_eq!(code, Some(1), "{engine}: {said}");
        assert!(said.contains(" ran, ") && said.contains("skipped"), "{engine}: {said}");
        assert!(!said.contains("did not start it"), "{engine}: {said}");
        is_free(&project);
        assert!(project.not_fresh().contains("B=stale") && !project.not_fresh().contains("A="));
        if engine == "slurm" {
            let cancelled =
                std::fs::read_to_string(project.outside("cancelled.txt")).expect("scancel was called");
            assert!(cancelled.starts_with("1"), "{cancelled}");
        }
        project.open_gate("B");
        project.kptn(&["run"]).succeeds().says("fresh");
    }
}

#[test]
fn an_engine_that_is_killed_leaves_its_branch_free() {
    let project = with_script(fork()).file("B.py", gated_task("B", "(output_dir / 'B.txt').write_text('B')"));
    project.edit("templates/script.sh.jinja", "kptn=", "echo $$ >engine.pid\nkptn=");
    let killed = |who: &str| {
        let running = project.start(&["run", "--runner", "script.sh"]);
        project.wait_for("B");
        let pid = match who {
            "the engine" => project.read("engine.pid").trim().parse().expect("a number"),
            _ => running.pid() as i32,
        };
        let pid = rustix::process::Pid::from_raw(pid).expect("a process");
        rustix::process::kill_process(pid, Signal::KILL).expect("a kill");
        let (code, _, said) = running.wait();
        std::fs::remove_file(project.outside("gate/B.ready")).expect("its mark");
        (code, said)
    };
    let (code, said) = killed("the engine");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("script.sh left with exit code 137 before all tasks were done"), "{said}");
    is_free(&project);

    // With who follows it the engine goes, and the next run does not wait for a lease.
    let (code, _) = killed("who follows it");
    assert_eq!(code, None);
    project.open_gate("B");
    project.kptn(&["run", "--wait"]).succeeds().says("given up").says("ran");
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn a_mapped_task_of_which_some_bundles_ran_was_left_undone() {
    let project = survey();
    project.kptn(&["run", "states"]).succeeds();
    let open = project.kptn(&["run", "open", "--engine", "test", "fit"]).succeeds();
    let run = open.stdout.trim();
    let bundles = project.kptn(&["task", "bundles", "fit", "--run", run]).succeeds().stdout;
    let first = bundles.lines().next().expect("a bundle");
    project.kptn(&["task", "run", "fit", "--run", run, "--bundle", first]).succeeds();
    project.kptn(&["run", "close", "--run", run]).exits(1).says("1 skipped");
}
