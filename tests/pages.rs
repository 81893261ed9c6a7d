//! The guides are run as they stand: every command, and every line of output that they show.
//!
//! A page says in a comment what it starts from, `<!-- runs in: kptn init -->`. In ```` ```console ```` blocks
//! a line `$ COMMAND` is run by bash in the project; lines below it must be in what it printed, where `…` stands for
//! anything; a line `# exit 1: why` before it says how it leaves. Any other block whose first line is `# file: PATH`
//! is written to that file first, where it stands in the page.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Postgres, Project, packages_python, wait_until};

/// Pages with console blocks that cannot be run here, and why.
const NOT_RUN: [(&str, &str); 0] = [];

struct Block {
    language: String,
    text: String,
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
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
        } else if !line.trim().is_empty() {
            let found = printed.lines().any(|one| shows(line, one));
            assert!(found || line.trim() == "…", "{page} shows `{line}`, and this was printed:\n{printed}");
        }
    }
    commands
}

/// Tells whether a line of a page is what was printed: blanks and what `…` stands for aside, in that order.
fn shows(line: &str, printed: &str) -> bool {
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (line, printed) = (squeezed(line), squeezed(printed));
    let mut rest = printed.as_str();
    line.split('…').map(str::trim).all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
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

/// Runs each page of a list as a test of its own; `RUN` has all of them.
macro_rules! pages {
    ($($name:ident: $path:literal, $commands:literal;)+) => {
        const RUN: &[&str] = &[$($path),+];
        $(
            #[test]
            fn $name() {
                assert!(run($path) >= $commands, "commands went missing");
            }
        )+
    };
}

pages! {
    readme: "README.md", 21;
    first_pipeline: "docs/guides/first-pipeline.md", 10;
    mapped_tasks: "docs/guides/mapped-tasks.md", 16;
    branches: "docs/guides/branches.md", 10;
    hooks: "docs/guides/hooks.md", 4;
    remotes: "docs/guides/remotes.md", 14;
    room: "docs/guides/room.md", 8;
    interactive: "docs/guides/interactive.md", 12;
    debugging: "docs/guides/debugging.md", 12;
    databases: "docs/guides/databases.md", 9;
    accepting: "docs/guides/accepting.md", 11;
    aws: "docs/guides/aws.md", 2;
    ci: "docs/guides/ci.md", 7;
    runners: "docs/reference/runners.md", 5;
    your_own_engine: "docs/guides/your-own-engine.md", 5;
}

#[test]
fn every_page_with_commands_is_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("docs")];
    let mut left_out = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root).expect("below the root").display().to_string();
            let known = RUN.contains(&name.as_str()) || NOT_RUN.iter().any(|(page, _)| *page == name);
            if name.ends_with(".md") && !known && page(&name).contains("```console") {
                left_out.push(name);
            }
        }
    }
    assert!(left_out.is_empty(), "pages with commands that nothing runs: {left_out:?}");
}

/// `check-jsonschema` brings the schemas of both services.
#[test]
fn files_for_ci_services_fit_their_schemas() {
    let project = Project::new();
    let checker = packages_python().with_file_name("check-jsonschema");
    let check = |schema: &str, file: &str| {
        let mut command = project.program(&checker.display().to_string());
        command.args(["--builtin-schema", schema, file]);
        project.finish(command, &[schema, file])
    };
    let schemas = [
        (".github/workflows/pipeline.yml", "vendor.github-workflows"),
        (".gitlab-ci.yml", "vendor.gitlab-ci"),
    ];
    for (file, schema) in schemas {
        let of_file = |block: &Block| block.text.starts_with(&format!("# file: {file}\n"));
        let block = blocks(&page("docs/guides/ci.md")).into_iter().find(of_file);
        let text = block.unwrap_or_else(|| panic!("the guide has no `{file}`")).text;
        project.write(file, &text);
        check(schema, file).succeeds();
        // The checker can fail.
        project
            .write(file, text.replace("    - kptn check", "    - {run: [1]}").replace("runs-on", "runs-at"));
        check(schema, file).exits(1);
    }
}

/// A web server for a folder; it ends with its value.
struct Server(std::process::Child, u16);

impl Server {
    fn of(project: &Project, folder: &str) -> Self {
        let script = "import functools, http.server as h\n\
                      handler = functools.partial(h.SimpleHTTPRequestHandler, directory=__import__('sys').argv[1])\n\
                      server = h.ThreadingHTTPServer(('127.0.0.1', 0), handler)\n\
                      print(server.server_address[1], flush=True)\nserver.serve_forever()\n";
        let mut command = project.program("python3");
        command.args(["-c", script, folder]).stdout(std::process::Stdio::piped());
        let mut child = command.stderr(std::process::Stdio::null()).spawn().expect("python3");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).expect("a line");
        Self(child, line.trim().parse().expect("a port"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_probe_of_a_url_notices_what_the_guide_says() {
    let text = page("docs/guides/databases.md");
    let probe = text.lines().find_map(|line| line.trim().strip_prefix("- probe: curl ")).expect("the probe");
    let project = Project::new()
        .file("data.csv", "1\n")
        .file("T.py", crate::support::python_task("T", "(output_dir / 't.txt').write_text('t')"));
    let server = Server::of(&project, ".");
    let probe = probe.replace("https://example.org", &format!("http://127.0.0.1:{}", server.1));
    project.write(
        "kptn.yaml",
        format!(
            "graphs:\n  g:\n    tasks: {{T: }}\ntasks:\n  T:\n    file: T.py\n    outputs: [t.txt]\n    inputs:\n      - probe: curl {probe}\n"
        ),
    );
    let touch = |time: &str| {
        assert!(project.program("touch").args(["-d", time, "data.csv"]).status().expect("touch").success());
    };
    touch("2026-01-01T00:00:00Z");
    project.kptn(&["run"]).succeeds();
    let asked = || project.kptn(&["status", "--probe"]).succeeds();
    asked().prints("fresh");
    touch("2026-01-01T00:00:01Z");
    asked().prints("stale").prints("probe");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "T T");
    asked().prints("fresh");
    project.remove("data.csv");
    asked().prints("stale");
    drop(server);
    asked().prints("stale");
}

/// One task, with the inputs that a guide shows, which asks the server for its rows.
fn task_that_reads_orders(inputs: &str) -> Project {
    let body = "import subprocess\n    rows = subprocess.run(['psql', '-XAtc', 'select item from orders'], \
                check=True, capture_output=True).stdout\n    (output_dir / 'orders.txt').write_bytes(rows)";
    Project::new().file("T.py", crate::support::python_task("T", body)).yaml(&format!(
        "graphs:\n  g:\n    tasks: {{T: }}\ntasks:\n  T:\n    file: T.py\n    outputs: [orders.txt]\n{inputs}"
    ))
}

#[test]
fn the_probes_of_postgresql_notice_what_the_guide_says() {
    let text = page("docs/guides/databases.md");
    let shown = blocks(&text).into_iter().find(|block| block.text.contains("psql")).expect("the inputs").text;
    let shown: String = shown.lines().map(|line| format!("    {line}\n")).collect();
    let count = text.split('`').find(|part| part.starts_with("select n_tup_ins")).expect("the other query");
    let query = shown.split('"').nth(1).expect("the query of the probe").to_owned();
    let postgres = Postgres::start();
    postgres.psql("create table orders (item text, updated_at timestamptz default clock_timestamp())");
    for (asked, change) in [
        (query.as_str(), "insert into orders values ('pen')"),
        (query.as_str(), "update orders set item = 'ink', updated_at = clock_timestamp()"),
        (&count.replace('\n', " "), "update orders set item = 'cap'"),
    ] {
        let project = task_that_reads_orders(&shown.replace(&query, asked));
        let kptn = |words: &[&str]| project.kptn_with(&postgres.environment(), words);
        kptn(&["run"]).succeeds();
        let is_stale = || kptn(&["status", "--probe"]).succeeds().stdout.contains("stale");
        assert!(!is_stale(), "{change}");
        postgres.psql(change).expect(change);
        // The server counts changes a moment later.
        wait_until(change, is_stale);
        kptn(&["run"]).succeeds();
        assert_eq!(project.read_output("orders.txt").trim(), change.split('\'').nth(1).unwrap_or_default());
        // What is secret went to the task, and is nowhere in the store.
        let mut grep = project.program("grep");
        grep.args(["-rl", Postgres::PASSWORD, "."]);
        project.finish(grep, &["grep"]).exits(1);
        // Without the server nobody can tell.
        project.kptn(&["status", "--probe"]).succeeds().prints("stale");
    }
}
