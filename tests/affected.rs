//! `status` for pull requests, probes' ages, watching, and whose records a run uses.

use crate::support::{Project, python_task, tasks_yaml};

/// A and B share a helper; C follows B; D reads a file that git does not track.
fn project() -> Project {
    let project = Project::new().yaml(&tasks_yaml(
        "A: , B: , C: B, D: ",
        &[
            "A: {outputs: [A.txt]}",
            "B: {outputs: [B.txt]}",
            "C: {outputs: [C.txt]}",
            "D: {inputs: [data/big.csv], outputs: [D.txt]}",
        ],
    ));
    project.write(".gitignore", "data/\nscratch/\nflows/\n");
    project.write("data/big.csv", "1");
    project.write("helper.py", "def text():\n    return 'x'\n");
    for name in ["A", "B"] {
        let body = format!("import helper\n    (output_dir / '{name}.txt').write_text(helper.text())");
        project.write(&format!("{name}.py"), python_task(name, &body));
    }
    for name in ["C", "D"] {
        project.write(
            &format!("{name}.py"),
            python_task(name, &format!("(output_dir / '{name}.txt').write_text('1')")),
        );
    }
    project.commit("base");
    project.git(&["switch", "-q", "-c", "try"]);
    project
}

fn affected(project: &Project) -> String {
    let report = project.kptn(&["status", "--affected", "--base", "main", "--json"]).succeeds().json();
    let rows = report["rows"].as_array().expect("rows").clone();
    let name = |row: &serde_json::Value| row["task"].as_str().expect("a task").to_owned();
    rows.iter().map(name).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_a_branch_affects_is_told_without_any_record() {
    let project = project();
    assert_eq!(affected(&project), "", "an untracked input is no change of the branch's");
    project.edit("A.py", "import os", "import os  # a comment");
    assert_eq!(affected(&project), "");
    project.edit("B.py", "'B\\n'", "'BB\\n'");
    assert_eq!(affected(&project), "B C");
    project.edit("helper.py", "'x'", "'y'");
    project.commit("both");
    assert_eq!(affected(&project), "A B C");
    // What happens on the base since is none of the branch's.
    project.git(&["switch", "-q", "main"]);
    project.edit("D.py", "'1'", "'2'");
    project.commit("on main");
    project.git(&["switch", "-q", "try"]);
    assert_eq!(affected(&project), "A B C");
    project.edit("kptn.yaml", "D: }", "D: A, E: }");
    project.edit("kptn.yaml", "tasks:\n  A:", "tasks:\n  E: {file: A.py:A}\n  A:");
    assert_eq!(affected(&project), "A B C D E");
    let text = project.kptn(&["status", "--affected", "--base", "main"]).succeeds();
    text.prints("of 5 tasks").prints("new");
}

#[test]
fn formats_and_exit_codes_for_a_pull_request() {
    let project = project();
    let markdown = ["status", "--affected", "--base", "main", "--format", "markdown"];
    project.kptn(&markdown).succeeds().prints("none of 4 tasks affected");
    project.edit("B.py", "'B\\n'", "'BB\\n'");
    project
        .kptn(&markdown)
        .succeeds()
        .prints("| B | stale | code changed")
        .prints("| C | ")
        .prints("after B");
    project.kptn(&["status", "--format", "github"]).succeeds().prints("::warning title=kptn%3A A is stale::");
    let exit = ["status", "--affected", "--base", "main", "--exit-code"];
    project.kptn(&exit).exits(1);
    project.kptn(&["run"]).succeeds();
    project.kptn(&exit).succeeds();
    project.kptn(&["status", "--affected", "--base", "no-such"]).exits(2).says("no-such").says("git fetch");
    project.kptn(&["status", "--affected"]).exits(2).says("--base");
}

#[test]
fn the_age_of_a_probes_answer_is_shown_and_a_failing_probe_makes_stale() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: ", &["A: {inputs: [{probe: cat version}], outputs: [A.txt]}"]))
        .file("version", "1")
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('1')"));
    project.kptn(&["run"]).succeeds();
    project.kptn(&["status"]).succeeds().prints("fresh").prints("probe answered");
    assert!(project.kptn(&["status", "--json"]).json()["rows"][0]["probed_ms"].is_u64());
    project.write("version", "2");
    project.kptn(&["status"]).succeeds().prints("1 fresh");
    project.kptn(&["status", "--probe"]).succeeds().prints("1 stale").never_says("probe answered");
    project.write("version", "1");
    project.kptn(&["status", "--probe", "--exit-code"]).succeeds();
    project.remove("version");
    project.kptn(&["status", "--probe"]).succeeds().prints("1 stale").prints("cat version");
}

#[test]
fn a_run_takes_and_offers_what_it_is_told_to() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: ", &["A: {outputs: [A.txt]}"]))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('1')"));
    project.commit("project");
    let on = |branch: &str, words: &[&str]| {
        project.git(&["switch", "-q", "-c", branch, "main"]);
        project.kptn(&[&["run"], words].concat()).succeeds();
        project.ran()
    };
    project.git(&["switch", "-q", "-c", "none"]);
    project.kptn(&["run", "--cache", "none"]).succeeds();
    assert_eq!(project.ran(), "A");
    assert_eq!(on("reads", &["--cache", "read"]), "A", "nothing was offered");
    assert_eq!(on("both", &[]), "A", "nothing was offered here either");
    assert_eq!(on("writes", &["--cache", "write"]), "A", "nothing is taken");
    assert_eq!(on("takes", &["--cache", "read"]), "", "both and writes have offered theirs");
}

#[test]
fn a_watched_status_is_shown_again_when_something_changed() {
    let project = project();
    project.kptn(&["run", "-q"]).succeeds();
    let steps = [("4 fresh", "!sed -i s/write_text/append_text/ A.py"), ("1 stale", "\u{3}")];
    project.in_terminal(40, &["status", "--watch"], &steps).succeeds();
}

#[test]
fn a_watched_run_runs_what_an_edit_makes_stale_in_a_narrow_window() {
    let project = project();
    // Replaced at once, as editors do: half a file would be run too.
    let edit = |from: &str, to: &str| format!("!sed -i s/{from}/{to}/ D.py");
    let steps = [
        ("watching", edit("write_text", "wrong_text")),
        ("1 failed", String::new()),
        ("watching", edit("wrong_text", "write_text")),
        ("watching", "\u{3}".to_owned()),
    ];
    let steps: Vec<_> = steps.iter().map(|(text, answer)| (*text, answer.as_str())).collect();
    let output = project.in_terminal(40, &["run", "--watch"], &steps).succeeds();
    let screen = output.stdout.rsplit("\u{1b}[3J").next().unwrap_or_default();
    assert!(screen.contains("4 fresh"), "{}", output.stdout);
    let widest = screen.lines().map(|line| plain(line).chars().count()).max().unwrap_or(0);
    assert!(widest <= 40, "{widest} columns in\n{screen}");
    let runs = project.trace().iter().filter(|task| *task == "D").count();
    assert_eq!(runs, 2, "what failed is not tried over and over, and what was there before is taken");
}

/// A line of a screen without what only moves the cursor or colours.
fn plain(line: &str) -> String {
    let escapes = regex::Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").expect("a pattern");
    escapes.replace_all(line, "").trim_matches('\r').to_owned()
}
