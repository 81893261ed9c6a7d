//! `kptn docker` and `kptn deploy prefect`: files for machines elsewhere, and the programs that are called with them.

use std::path::PathBuf;

use crate::support::{Output, Project, packages_python, python, python_task, search_path, tasks_yaml};

const SETTINGS: &str = "settings: {docker_image: 'example/survey:1', flow_type: prefect, \
                        prefect: {task_runner: dask, work_pool: cluster, schedule: '0 6 * * 1'}}\n\
                        remotes: {prod: {url: 's3://bucket/survey'}}\n";

fn project() -> Project {
    let tasks = [
        "A: {outputs: [A.txt], compute: {cpu: 2048, memory: 512}}",
        "B: {compute: {cpu: 256, memory: 4096}}",
    ];
    let project = Project::new()
        .yaml(&(tasks_yaml("A: , B: A", &tasks) + SETTINGS))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"))
        .file("B.py", python_task("B", "pass"));
    let (stub, notes) = (stub().display().to_string(), project.outside("prefect.txt").display().to_string());
    let project = project.with_env("PYTHONPATH", &stub).with_env("PYTHONDONTWRITEBYTECODE", "1");
    project.with_env("PREFECT_STUB", &notes)
}

fn stub() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/engines/stub")
}

/// Puts a `docker` on PATH that notes how and where it is called, and leaves with 0, or else as it is told.
fn with_docker(project: Project) -> Project {
    let calls = project.outside("docker.txt").display().to_string();
    let bin = project.outside("bin");
    std::fs::create_dir(&bin).expect("a folder");
    let text =
        format!("#!/bin/sh\npwd >>{calls}\nprintf '%s\\n' \"$@\" >>{calls}\nexit ${{DOCKER_EXIT:-0}}\n");
    let program = bin.join("docker");
    std::fs::write(&program, text).expect("a file");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, executable).expect("its rights");
    project.with_env("PATH", &format!("{}:{}", bin.display(), search_path()))
}

fn calls(project: &Project) -> Vec<String> {
    let text = std::fs::read_to_string(project.outside("docker.txt")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn lint(project: &Project) -> Output {
    let linter = packages_python().with_file_name("hadolint");
    let mut command = project.program(&linter.display().to_string());
    command.args(["--no-color", "Dockerfile"]);
    project.finish(command, &["Dockerfile"])
}

#[test]
fn an_image_is_built_of_files_that_are_written_once_and_with_the_versions_of_this_machine() {
    let project = with_docker(project());
    project.kptn(&["docker", "build", "--dry-run"]).succeeds().prints("build --tag example/survey:1");
    assert!(!project.exists("Dockerfile") && calls(&project).is_empty());
    project
        .kptn(&["docker", "build"])
        .succeeds()
        .says("written   Dockerfile")
        .says("written   .dockerignore");
    let called = calls(&project);
    assert_eq!(called[0], project.path("").canonicalize().expect("the root").display().to_string());
    assert_eq!(called[1..4], ["build", "--tag", "example/survey:1"]);
    assert!(called.contains(&format!("KPTN=kptn=={}", env!("CARGO_PKG_VERSION"))), "{called:?}");
    assert!(called.iter().any(|word| word.starts_with("PYTHON_VERSION=3.")), "{called:?}");
    assert!(!called.iter().any(|word| word.starts_with("R_VERSION")), "{called:?}");
    assert_eq!(called.last().map(String::as_str), Some("."));

    project.kptn(&["docker", "push"]).succeeds();
    assert_eq!(calls(&project)[called.len() + 1..], ["push", "example/survey:1"]);
    let output = project.kptn_with(&[("DOCKER_EXIT", "7")], &["docker", "push"]).exits(4);
    output.says("push example/survey:1` left with exit code 7");

    project.edit("Dockerfile", "USER ", "RUN true\nUSER ");
    project.kptn(&["docker", "build"]).succeeds().says("edited    Dockerfile");
    assert!(project.read("Dockerfile").contains("RUN true"));
}

#[test]
fn the_dockerfile_installs_what_lock_files_say_before_the_project_and_passes_the_linter() {
    let project = project();
    let render = |project: &Project| {
        project.kptn(&["render", "--runner", "prefect", "--check"]).exits(1);
        project.kptn(&["render", "--runner", "prefect"]).succeeds();
        project.kptn(&["render", "--runner", "prefect", "--check"]).succeeds();
        lint(project).succeeds();
        let text = project.read("Dockerfile");
        assert!(!text.contains(env!("CARGO_PKG_VERSION")), "{text}");
        let last = text.find("COPY --chown=10001 . .").expect("the project");
        assert!(text[last..].find("RUN").is_none(), "the project is the last layer: {text}");
        text
    };
    let text = render(&project);
    assert!(text.contains("FROM debian") && !text.contains("rocker"), "{text}");
    assert!(text.contains("prefect-dask=="), "{text}");

    project.write("requirements.txt", "numpy==2.3.5\n");
    assert!(render(&project).contains("uv pip install --requirement requirements.txt"));
    project.write("pyproject.toml", "[project]\nname = 'survey'\nversion = '1'\n");
    project.write("uv.lock", "version = 1\n");
    assert!(render(&project).contains("uv sync --active --frozen"));

    project.write("R.R", "x <- 1\n");
    project.edit("kptn.yaml", "tasks: {A: , B: A}", "tasks: {A: , B: A, R: }");
    project.edit("kptn.yaml", "\ntasks:\n", "\ntasks:\n  R: {file: R.R}\n");
    project.write("renv.lock", "{}");
    let text = render(&project);
    assert!(
        text.contains("FROM rocker/r-ver:${R_VERSION}") && text.contains("renv::restore(library"),
        "{text}"
    );
    for file in [".Rprofile", "renv/activate.R"] {
        project.write(file, "");
    }
    assert!(render(&project).contains("COPY renv/activate.R renv/"));
}

#[test]
fn neither_state_nor_secrets_go_into_the_image() {
    let project = project();
    project.edit("kptn.yaml", "settings: {", "settings: {outputs_dir: 'out/<branch>', store: .state, ");
    project.kptn(&["render", "--runner", "prefect"]).succeeds();
    let ignored = project.read(".dockerignore");
    let lines: Vec<&str> = ignored.lines().collect();
    for line in [".git", ".kptn", "out", ".state", "**/.env", "**/*.pem", "**/.Renviron", "**/.venv"] {
        assert!(lines.contains(&line), "{line} in {ignored}");
    }
}

#[test]
fn a_file_of_ones_own_is_left_alone() {
    let project = with_docker(project()).file("Dockerfile", "FROM mine\n");
    project.kptn(&["docker", "build"]).succeeds().says("edited    Dockerfile");
    project.kptn(&["render"]).succeeds().says("edited    Dockerfile");
    assert_eq!(project.read("Dockerfile"), "FROM mine\n");
    project.kptn(&["render", "--replace"]).succeeds().says("Dockerfile.kept");
    assert_eq!(project.read("Dockerfile.kept"), "FROM mine\n");
}

#[test]
fn what_is_not_set_or_not_there_is_said() {
    let project = Project::new().yaml(&tasks_yaml("A: ", &["A: {}"])).file("A.py", python_task("A", "pass"));
    project.kptn(&["docker", "build"]).exits(2).says("`settings.docker_image` is not set");
    project.kptn(&["deploy", "prefect"]).exits(2).says("`settings.prefect.work_pool` is not set");
    project.kptn(&["render", "--runner", "prefect"]).succeeds();
    assert!(!project.exists("Dockerfile") && !project.exists("prefect.yaml"));
    project.edit("kptn.yaml", "graphs:", "settings: {docker_image: x, prefect: {work_pool: y}}\ngraphs:");
    let bare = project.outside("bin");
    std::fs::create_dir(&bare).expect("a folder");
    std::os::unix::fs::symlink(python(), bare.join("python3")).expect("a link");
    let path = bare.display().to_string();
    project.kptn_with(&[("PATH", &path)], &["docker", "push"]).exits(4).says("no `docker` on PATH");
    project.kptn(&["deploy", "prefect"]).exits(4).says("`prefect` is not installed");
}

#[test]
fn a_deployment_has_the_pool_the_image_and_the_claims_and_prefect_is_called_with_it() {
    let project = project();
    let deployed = |words: &[&str]| project.kptn(&[&["deploy", "prefect"], words].concat());
    deployed(&["--dry-run"])
        .succeeds()
        .says("outdated  prefect.yaml")
        .prints("-m prefect deploy --no-prompt");
    assert!(!project.exists("prefect.yaml"));
    deployed(&["g"]).succeeds().says("written   prefect.yaml").says("written   flows/g_flow.py");
    let call = std::fs::read_to_string(project.outside("prefect.txt")).expect("prefect was called");
    assert_eq!(call, "deploy --no-prompt --prefect-file prefect.yaml --name g\n");
    let text = project.read("prefect.yaml");
    for part in [
        "directory: /project",
        "entrypoint: \"flows/g_flow.py:g_flow\"",
        "- cron: \"0 6 * * 1\"",
        "name: \"cluster\"",
        "image: \"example/survey:1\"",
        "cpu: 2048",
        "memory: 4096",
        "KPTN_REMOTE: \"s3://bucket/survey\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    project.edit("kptn.yaml", ", schedule: '0 6 * * 1'", "");
    deployed(&[]).succeeds();
    assert!(!project.read("prefect.yaml").contains("schedules"));
    deployed(&["lost"]).exits(2).says("`lost`");
}
