//! `kptn remote add`: a line in `kptn.yaml`, and nothing else of it changes.

use crate::support::{Project, tasks_yaml};

fn project(more: &str) -> Project {
    let yaml = tasks_yaml("A: ", &["A: {outputs: [A.txt]}"]);
    Project::new().yaml(&format!("# ours\n{yaml}{more}")).file("A.py", "def A():\n    pass\n")
}

#[test]
fn what_was_there_stays_and_the_remote_can_be_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", folder.path().join("team").display());
    for more in [
        "",
        "remotes:\n",
        "remotes: {} # none yet\n",
        "remotes:\n  # far\n  x: {url: 'file:///x'}\n\n# the end",
    ] {
        let project = project(more);
        let before = project.read("kptn.yaml");
        let told = project.kptn(&["remote", "add", "team", &url, "-n"]).succeeds();
        told.says("team: {url: 'file://").says("nothing was written");
        assert_eq!(project.read("kptn.yaml"), before);
        let told = project.kptn(&["remote", "add", "team", &url, "--branch", "main"]).succeeds();
        told.says("kptn.yaml:").says("branch: 'main'").says("`kptn remote check team`");
        let after = project.read("kptn.yaml");
        assert!(
            before.lines().all(|line| line.contains("remotes: {}") || after.lines().any(|one| one == line))
        );
        let rows = project.kptn(&["remote", "--json"]).succeeds().json();
        let row = rows["remotes"].as_array().and_then(|all| all.iter().find(|row| row["name"] == "team"));
        let row = row.expect("it is listed");
        assert_eq!((row["branch"].as_str(), row["writable"].as_bool()), (Some("main"), Some(true)));
        project.kptn(&["run"]);
        project.kptn(&["check"]).succeeds();
    }
}

#[test]
fn fields_are_written_and_windows_line_ends_stay() {
    let project = project("");
    project.write("kptn.yaml", project.read("kptn.yaml").replace('\n', "\r\n"));
    let words = [
        "remote",
        "add",
        "prod",
        "s3://data/kptn",
        "--read-only",
        "--endpoint",
        "http://localhost:9",
        "--region",
    ];
    project.kptn(&[&words[..], &["eu-1", "--path-style", "--profile", "reader"]].concat()).succeeds();
    let line = "  prod: {url: 's3://data/kptn', writable: false, endpoint: 'http://localhost:9', region: 'eu-1', \
                path_style: true, profile: 'reader'}\r\n";
    let text = project.read("kptn.yaml");
    assert!(text.ends_with(&format!("\r\nremotes:\r\n{line}")), "{text:?}");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    project.kptn(&["push", "prod"]).exits(2).says("writable: false");
}

#[test]
fn what_is_wrong_is_refused_and_nothing_is_written() {
    let project = project("remotes: {prod: {url: 's3://data/kptn'}}\n");
    let before = project.read("kptn.yaml");
    let add = |words: &[&str]| project.kptn(&[&["remote", "add"], words].concat()).exits(2);
    add(&["prod", "s3://other"]).says("there is a remote `prod` already");
    let secret =
        add(&["new", "s3://AKIA:secret@bucket/x"]).says("credentials do not belong").says("--profile");
    assert!(!secret.stderr.contains("AKIA"), "{}", secret.stderr);
    add(&["new", "ftp://host/x"]).says("only `s3://`, `file://`");
    add(&["new", "bucket"]).says("neither `s3://` nor `file://`");
    add(&["new", "file://relative"]).says("three slashes");
    add(&["a b", "s3://data"]).says("`a b` is no name of a remote");
    assert_eq!(project.read("kptn.yaml"), before);
    // What is JSON as a whole has no line that a remote could stand on.
    project
        .write("kptn.yaml", r#"{"graphs": {"g": {"tasks": {"A": null}}}, "tasks": {"A": {"file": "A.py"}}}"#);
    let told = add(&["new", "s3://data/new"]).says("put this into it yourself");
    told.says("new: {url: 's3://data/new'}");
}
