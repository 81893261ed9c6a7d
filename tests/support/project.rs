//! The builder: a project in a temporary folder, with its own HOME and its own git repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Output, Running, interpreters, masks};

/// A project in a temporary folder; everything goes when it is dropped.
pub struct Project {
    folder: TempDir,
    root: PathBuf,
    env: Vec<(String, String)>,
}

impl Project {
    /// Makes an empty folder in a git repository, on branch `main`.
    pub fn new() -> Self {
        let project = Self::without_git();
        project.git(&["init", "-q", "-b", "main"]);
        project
    }

    /// Makes an empty folder in no repository.
    pub fn without_git() -> Self {
        let folder = TempDir::with_prefix("kptn-test-").expect("a temporary folder");
        let root = folder.path().join("project");
        for name in ["project", "home", "tmp", "gate"] {
            fs::create_dir(folder.path().join(name)).expect("a folder in it");
        }
        Self { folder, root, env: Vec::new() }
    }

    /// Copies an example of `docs/examples` and commits it.
    pub fn example(name: &str) -> Self {
        let project = Self::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples").join(name);
        copy_tree(&source, &project.root);
        project.commit("the example");
        project
    }

    /// Writes a file; a builder's step.
    pub fn file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.write(path, text);
        self
    }

    /// Writes `kptn.yaml`; a builder's step.
    pub fn yaml(self, text: &str) -> Self {
        self.file("kptn.yaml", text)
    }

    /// Sets an environment variable for every later call; a builder's step.
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns a path below the project's folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Returns a path in the output folder of branch `main`.
    pub fn output(&self, path: &str) -> PathBuf {
        self.root.join("scratch/main").join(path)
    }

    /// Returns a path beside the project, for what must not be inside.
    pub fn outside(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file below the project's folder, with its parent folders.
    #[track_caller]
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("a path below the root")).expect("its folder");
        fs::write(&path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }

    /// Replaces a text in a file, which must be there exactly once.
    #[track_caller]
    pub fn edit(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(old).count(), 1, "`{old}` in {path}:\n{text}");
        self.write(path, text.replace(old, new));
    }

    /// Reads a file below the project's folder.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        let path = self.root.join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }

    /// Reads a file in the output folder of branch `main`.
    #[track_caller]
    pub fn read_output(&self, path: &str) -> String {
        self.read(&format!("scratch/main/{path}"))
    }

    /// Removes a file or a folder below the project's folder.
    #[track_caller]
    pub fn remove(&self, path: &str) {
        let path = self.root.join(path);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.unwrap_or_else(|error| panic!("cannot remove {}: {error}", path.display()));
    }

    /// Tells whether something is there.
    pub fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Runs git and returns what it printed.
    #[track_caller]
    pub fn git(&self, words: &[&str]) -> String {
        let answer = self.program("git").args(words).output().expect("git");
        assert!(answer.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&answer.stderr));
        String::from_utf8_lossy(&answer.stdout).into_owned()
    }

    /// Commits everything.
    #[track_caller]
    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// Calls the binary in the project's folder and waits for it.
    pub fn kptn(&self, words: &[&str]) -> Output {
        self.finish(self.command(words), words)
    }

    /// Calls the binary in a folder below the project's.
    pub fn kptn_in(&self, folder: &str, words: &[&str]) -> Output {
        let mut command = self.command(words);
        command.current_dir(self.root.join(folder));
        self.finish(command, words)
    }

    /// Calls the binary with some environment variables more.
    pub fn kptn_with(&self, env: &[(&str, &str)], words: &[&str]) -> Output {
        let mut command = self.command(words);
        command.envs(env.iter().copied());
        self.finish(command, words)
    }

    /// Runs any command of [`Project::program`] or [`Project::command`] to its end.
    pub fn finish(&self, mut command: Command, words: &[&str]) -> Output {
        let program = Path::new(command.get_program()).file_name().unwrap_or_default().display().to_string();
        let answer = command.stdin(Stdio::null()).output().expect("the program starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let masked = |bytes: &[u8]| masks::masked(&text(bytes), &self.root, self.folder.path());
        Output {
            command: format!("{program} {}", words.join(" ")),
            code: answer.status.code(),
            stdout: text(&answer.stdout),
            stderr: text(&answer.stderr),
            messages: masked(&answer.stderr),
            data: masked(&answer.stdout),
        }
    }

    /// Returns what `status` says of each task that is not fresh, as `task=status`, sorted, joined by spaces.
    #[track_caller]
    pub fn not_fresh(&self) -> String {
        let report = self.kptn(&["status", "--json"]).succeeds().json();
        let rows = report["rows"].as_array().unwrap_or_else(|| panic!("no rows in {report}"));
        let word = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap_or("?").to_owned();
        let mut found: Vec<_> = rows
            .iter()
            .filter(|row| row["status"] != "fresh")
            .map(|row| format!("{}={}", word(row, "task"), word(row, "status")))
            .collect();
        found.sort();
        found.join(" ")
    }

    /// Returns which record each of some tasks has on a branch; `none` where it has none.
    #[track_caller]
    pub fn records_on(&self, branch: &str, tasks: &[&str]) -> Vec<String> {
        let of = |task: &&str| {
            let report = self.kptn(&["log", task, "--json"]).succeeds().json();
            let rows = report["records"].as_array().cloned().unwrap_or_default();
            let here =
                |row: &&serde_json::Value| row["on"].as_array().is_some_and(|on| on.contains(&branch.into()));
            rows.iter().find(here).map_or("none".to_owned(), |row| row["record"].to_string())
        };
        tasks.iter().map(of).collect()
    }

    /// Starts the binary in a process group of its own.
    pub fn start(&self, words: &[&str]) -> Running {
        Running::start(self.command(words))
    }

    /// Returns the call of the binary, ready to be changed.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_kptn"));
        command.args(words);
        command
    }

    /// Returns a call of any program in the project's folder, with the test's environment.
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env_clear();
        command
            .env("PATH", interpreters::search_path())
            .env("HOME", self.folder.path().join("home"))
            .env("TMPDIR", self.folder.path().join("tmp"))
            .env("LANG", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("TRACE", self.trace_path())
            .env("GATE", self.outside("gate"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.org")
            .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Waits until a task of [`super::gated_task`] stands at its gate.
    #[track_caller]
    pub fn wait_for(&self, task: &str) {
        let ready = self.outside("gate").join(format!("{task}.ready"));
        super::wait_until(&format!("task {task} stands at its gate"), || ready.exists());
    }

    /// Opens the gate of a task, for now and later.
    pub fn open_gate(&self, task: &str) {
        fs::write(self.outside("gate").join(format!("{task}.go")), "").expect("a file at the gate");
    }

    fn trace_path(&self) -> PathBuf {
        self.folder.path().join("trace")
    }

    /// Returns the words that tasks left in the file `$TRACE`, one a line, since the last call.
    pub fn trace(&self) -> Vec<String> {
        let text = fs::read_to_string(self.trace_path()).unwrap_or_default();
        let _ = fs::remove_file(self.trace_path());
        text.lines().map(str::to_owned).collect()
    }

    /// Returns [`Project::trace`] sorted and joined by spaces: which tasks ran, whatever their order.
    pub fn ran(&self) -> String {
        let mut words = self.trace();
        words.sort();
        words.join(" ")
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder to copy to");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
