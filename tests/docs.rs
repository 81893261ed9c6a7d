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

#[test]
fn the_pipeline_of_the_first_guide_runs() {
    let text = page("docs/guides/first-pipeline.md");
    let project = Project::new();
    for (language, block) in blocks(&text) {
        match block.lines().next().and_then(|line| line.strip_prefix("# tasks/")) {
            Some(name) => project.write(&format!("tasks/{name}"), &block),
            None if language == "yaml" && !project.exists("kptn.yaml") => project.write("kptn.yaml", &block),
            None => {}
        }
    }
    project.kptn(&["check"]).succeeds();
    project.kptn(&["run"]).succeeds().says("2 ran");
    assert_eq!(project.read_output("largest.txt"), "California\nNew York\nTexas\nPennsylvania\nIllinois\n");
    project.edit("kptn.yaml", "how_many: 5", "how_many: 6");
    assert_eq!(project.not_fresh(), "largest=stale");
    project.kptn(&["why", "largest"]).succeeds().prints("how_many").prints("5").prints("6");
    project.edit("tasks/people.R", "# tasks/people.R", "# another comment");
    assert_eq!(project.not_fresh(), "largest=stale");
}

#[test]
fn the_readme_has_every_command() {
    let help = Project::new().kptn(&["--help"]).succeeds().stdout;
    let command = Regex::new(r"(?m)^  ([a-z]+) {2,}\S").expect("a pattern");
    let listed = help.split("Commands:").nth(1).unwrap_or_else(|| panic!("no commands in\n{help}"));
    let readme = page("README.md");
    let mut count = 0;
    for found in command.captures_iter(listed.split("\n\n").next().unwrap_or_default()) {
        count += 1;
        assert!(
            readme.contains(&format!("`kptn {}", &found[1])),
            "the README does not have `kptn {}`",
            &found[1]
        );
    }
    assert!(count > 10, "{help}");
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
