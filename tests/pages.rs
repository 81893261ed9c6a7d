//! The guides are run as they stand: every command, and every line of output that they show.
//!
//! A page says in a comment what it starts from, `<!-- runs in: kptn init -->`. In ```` ```console ```` blocks
//! a line `$ COMMAND` is run by bash in the project; lines below it must be in what it printed, unless they hold
//! `…`; a line `# exit 1: why` before it says how it leaves. Any other block whose first line is `# file: PATH` is
//! written to that file first, where it stands in the page.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::Project;

struct Block {
    language: String,
    text: String,
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block { language: language.to_owned(), text: String::new() })
            }
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(block), _) => block.text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// Runs a page; returns how many commands it has.
fn run(name: &str) -> usize {
    let page = page(name);
    let project = Project::new();
    let start = page.split("<!-- runs in: ").nth(1).and_then(|rest| rest.split(" -->").next());
    let start = start.unwrap_or_else(|| panic!("{name} does not say what it runs in"));
    bash(&project, start, 0);
    project.commit("the project");
    let mut commands = 0;
    for block in blocks(&page) {
        if let Some(path) = block.text.lines().next().and_then(|line| line.strip_prefix("# file: ")) {
            project.write(path, &block.text);
        }
        if block.language == "console" {
            commands += run_block(name, &project, &block.text);
        }
    }
    commands
}

fn run_block(page: &str, project: &Project, text: &str) -> usize {
    let (mut commands, mut code, mut printed) = (0, 0, String::new());
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            printed = bash(project, command, code);
            commands += 1;
            code = 0;
        } else if let Some(said) = line.strip_prefix("# exit ") {
            code = said.split(':').next().and_then(|code| code.trim().parse().ok()).expect("an exit code");
        } else if !line.trim().is_empty() && !line.contains('…') {
            let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let found = printed.lines().any(|one| squeezed(one).contains(&squeezed(line)));
            assert!(found, "{page} shows `{line}`, and this was printed:\n{printed}");
        }
    }
    commands
}

/// Runs a command line; returns everything that it printed.
fn bash(project: &Project, command: &str, code: i32) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_kptn"));
    let folder = program.parent().expect("the folder of the binary").display().to_string();
    let mut shell: Command = project.program("bash");
    let path = format!("{folder}:{}", crate::support::search_path());
    shell.env("PATH", path).args(["-o", "pipefail", "-c", command]);
    let output = project.finish(shell, &[command]).exits(code);
    format!("{}{}", output.stdout, output.stderr)
}

#[test]
fn interactive() {
    assert!(run("interactive.md") > 8);
}

#[test]
fn debugging() {
    assert!(run("debugging.md") > 8);
}

#[test]
fn databases() {
    assert!(run("databases.md") > 8);
}

#[test]
fn accepting() {
    assert!(run("accepting.md") > 7);
}

#[test]
fn ci() {
    assert!(run("ci.md") > 6);
}
