//! What the pages say is so: the guide's pipeline runs, every command is in the README, every link leads somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::support::Project;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the fenced blocks of a page: (language, text).
fn blocks(text: &str) -> Vec<(String, String)> {
    let block = Regex::new(r"(?ms)^```([a-z]+)\n(.*?)^```$").expect("a pattern");
    block.captures_iter(text).map(|found| (found[1].to_owned(), found[2].to_owned())).collect()
}

/// Makes the project whose files a page shows.
fn project_of(path: &str) -> Project {
    let project = Project::new();
    for (_, block) in blocks(&page(path)) {
        if let Some(name) = block.lines().next().and_then(|line| line.strip_prefix("# file: ")) {
            project.write(name, &block);
        }
    }
    project
}

#[test]
fn the_pipeline_of_the_first_guide_runs() {
    let project = project_of("docs/guides/first-pipeline.md");
    project.kptn(&["check"]).succeeds();
    project.kptn(&["run"]).succeeds().says("2 ran");
    assert_eq!(project.read_output("largest.txt"), "California\nNew York\nTexas\nPennsylvania\nIllinois\n");
    project.edit("kptn.yaml", "how_many: 5", "how_many: 6");
    assert_eq!(project.not_fresh(), "largest=stale");
    project.kptn(&["why", "largest"]).succeeds().prints("how_many").prints("5").prints("6");
    project.edit("tasks/people.R", "# file: tasks/people.R", "# another comment");
    assert_eq!(project.not_fresh(), "largest=stale");
}

#[test]
fn the_pipeline_of_the_guide_about_items_runs() {
    let project = project_of("docs/guides/mapped-tasks.md");
    project.kptn(&["check"]).succeeds();
    project.kptn(&["run"]).succeeds().says("3 ran");
    assert_eq!(project.read_output("report.txt"), "3 states\n");
    assert_eq!(project.kptn(&["output", "summary[NC]"]).succeeds().stdout, "working on NC\n");
    project.edit("tasks/states.py", "\"VA\"", "\"VA\", \"GA\"");
    project.kptn(&["run", "states"]).succeeds();
    project.kptn(&["plan"]).succeeds().prints("run 1 item ");
    project.kptn(&["run", "summary", "--items", "G*"]).succeeds();
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.read_output("report.txt"), "4 states\n");
}

#[test]
fn the_readme_has_every_command() {
    let readme = page("README.md");
    for name in commands(&help(&[])) {
        assert!(readme.contains(&format!("`kptn {name}")), "the README does not have `kptn {name}`");
    }
}

#[test]
fn the_command_reference_is_what_help_says() {
    let mut text = "# Commands\n\nWhat `kptn COMMAND --help` says; made by `make reference`.\n".to_owned();
    let names = commands(&help(&[]));
    let calls = [vec![]].into_iter().chain(names.iter().map(|name| vec![name.as_str()]));
    for call in calls.chain([
        vec!["run", "open"],
        vec!["run", "close"],
        vec!["task", "run"],
        vec!["task", "bundles"],
        vec!["config", "schema"],
    ]) {
        let title = [&["kptn"], &call[..]].concat().join(" ");
        text += &format!("\n## {title}\n\n```text\n{}\n```\n", help(&call).trim_end());
    }
    let path = repository().join("docs/reference/commands.md");
    if std::env::var_os("KPTN_WRITE_REFERENCE").is_some() {
        fs::write(&path, &text).expect("the reference");
    }
    assert!(page("docs/reference/commands.md") == text, "run `make reference`, and look at what it changes");
}

/// Returns what a command says of itself, without blanks at the ends of lines.
fn help(words: &[&str]) -> String {
    let text = Project::new().kptn(&[words, &["--help"]].concat()).succeeds().stdout;
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Returns the names of commands that a help lists.
fn commands(help: &str) -> Vec<String> {
    let row = Regex::new(r"(?m)^  ([a-z]+) {2,}\S").expect("a pattern");
    let listed = help.split("Commands:").nth(1).unwrap_or_else(|| panic!("no commands in\n{help}"));
    let listed = listed.split("\n\n").next().unwrap_or_default();
    let names: Vec<_> = row.captures_iter(listed).map(|found| found[1].to_owned()).collect();
    assert!(names.len() > 10, "{help}");
    names
}

#[test]
fn links_between_pages_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#:]+)(#[^)]*)?\)").expect("a pattern");
    let mut wrong = Vec::new();
    for file in pages(&repository()) {
        let text = fs::read_to_string(&file).expect("a page");
        for found in link.captures_iter(&text) {
            if !file.parent().is_some_and(|folder| folder.join(&found[1]).exists()) {
                wrong.push(format!("{}: {}", file.display(), &found[1]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn pages(root: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = ["README.md", "CHANGELOG.md"].iter().map(|name| root.join(name)).collect();
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(ending) if ending == "md" => found.push(path),
                _ => {}
            }
        }
    }
    found
}
