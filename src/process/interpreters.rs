//! Which Python and which R a project uses, and their versions.
//!
//! Looked for in `settings`, `$VIRTUAL_ENV`, `$CONDA_PREFIX`, the project's
//! `.venv` and `PATH`, in this order. A version costs a start of the program,
//! so the caller may remember it: the key changes whenever the program does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Launch, run_captured};
use crate::model::{Digest, Interpreter, Interpreters, Language, Project, TaggedHasher};

const PATIENCE: Duration = Duration::from_secs(30);

/// Remembers what an interpreter said about itself.
pub trait Versions {
    /// Returns what was kept under a key.
    fn recall(&self, key: Digest) -> Option<String>;
    /// Keeps what it said; the key stands for this very file.
    fn keep(&self, key: Digest, said: &str);
}

/// Remembers nothing: every program is asked every time.
#[derive(Debug, Clone, Copy, Default)]
pub struct AlwaysAsk;

impl Versions for AlwaysAsk {
    fn recall(&self, _: Digest) -> Option<String> {
        None
    }

    fn keep(&self, _: Digest, _: &str) {}
}

/// What was found, and what was looked for in vain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Those that can be used.
    pub interpreters: Interpreters,
    /// Why one is absent that the project needs.
    pub problems: Vec<InterpreterProblem>,
}

/// Why an interpreter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InterpreterProblem {
    /// `settings` names one that is not there.
    #[error("`settings.{setting}` names `{value}`, which is not there")]
    NamedButAbsent { setting: &'static str, value: String },
    /// None was named and none found.
    #[error("no {program} was found")]
    Absent { program: &'static str, looked_at: Vec<PathBuf> },
    /// It did not tell its version.
    #[error("`{}` does not tell its version: {said}", path.display())]
    Mute { path: PathBuf, said: String },
}

/// Finds the interpreters of a project: Python always, which the runner needs
/// too, R where a task is written in R. `env` answers for environment variables.
pub fn find_interpreters(
    project: &Project,
    env: &dyn Fn(&str) -> Option<String>,
    versions: &dyn Versions,
) -> Found {
    let mut found = Found::default();
    let tasks = || project.graphs.values().flat_map(|graph| graph.tasks.values());
    let search = Search { project, env, versions };
    match search.python() {
        Ok(python) => found.interpreters.python = Some(python),
        Err(problem) => found.problems.push(problem),
    }
    if tasks().any(|task| task.script.language == Language::R) {
        match search.r() {
            Ok(r) => found.interpreters.r = Some(r),
            Err(problem) => found.problems.push(problem),
        }
    }
    found
}

/// Finds an executable file by its name in the folders of a `PATH`.
pub fn find_program(name: &str, path: &str) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .flat_map(|folder| {
            [folder.join(name), folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))]
        })
        .find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

struct Search<'a> {
    project: &'a Project,
    env: &'a dyn Fn(&str) -> Option<String>,
    versions: &'a dyn Versions,
}

impl Search<'_> {
    fn python(&self) -> Result<Interpreter, InterpreterProblem> {
        let path = match &self.project.settings.python {
            Some(value) => self.named("python", value)?,
            None => {
                let folders = [self.folder("VIRTUAL_ENV"), self.folder("CONDA_PREFIX")];
                let own = [self.project.root.join(".venv"), self.beside_config().join(".venv")];
                let folders = folders.into_iter().flatten().chain(own);
                self.first("python3", folders, &["python3", "python"])?
            }
        };
        self.ask(path, Self::ask_python)
    }

    fn r(&self) -> Result<Interpreter, InterpreterProblem> {
        let path = match &self.project.settings.rscript {
            Some(value) => self.named("rscript", value)?,
            None => self.first("Rscript", self.folder("CONDA_PREFIX"), &["Rscript"])?,
        };
        self.ask(path, Self::ask_r)
    }

    fn folder(&self, variable: &str) -> Option<PathBuf> {
        (self.env)(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    fn beside_config(&self) -> &Path {
        self.project.config_path.parent().unwrap_or(&self.project.root)
    }

    /// A path is relative to `kptn.yaml`; a bare name is looked up on `PATH`.
    fn named(&self, setting: &'static str, value: &str) -> Result<PathBuf, InterpreterProblem> {
        let found = if value.contains(['/', std::path::MAIN_SEPARATOR]) {
            Some(self.beside_config().join(value)).filter(|path| is_executable(path))
        } else {
            find_program(value, &self.search_path())
        };
        found.ok_or_else(|| InterpreterProblem::NamedButAbsent { setting, value: value.to_owned() })
    }

    fn first(
        &self,
        program: &'static str,
        environments: impl IntoIterator<Item = PathBuf>,
        names: &[&str],
    ) -> Result<PathBuf, InterpreterProblem> {
        let mut looked_at = Vec::new();
        for environment in environments {
            for name in names {
                let file = environment
                    .join(if cfg!(windows) { "Scripts" } else { "bin" })
                    .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
                if is_executable(&file) {
                    return Ok(file);
                }
            }
            looked_at.push(environment);
        }
        let path = self.search_path();
        looked_at.extend(std::env::split_paths(&path));
        let found = names.iter().find_map(|name| find_program(name, &path));
        found.ok_or(InterpreterProblem::Absent { program, looked_at })
    }

    fn search_path(&self) -> String {
        (self.env)("PATH").unwrap_or_default()
    }

    fn ask(
        &self,
        path: PathBuf,
        ask: impl Fn(&Self, &Path) -> Result<Interpreter, String>,
    ) -> Result<Interpreter, InterpreterProblem> {
        let key = self.key(&path);
        let recalled = key.and_then(|key| self.versions.recall(key));
        if let Some((version, path)) = recalled.as_deref().and_then(|said| said.split_once('\n')) {
            return Ok(Interpreter { path: path.into(), version: version.to_owned() });
        }
        let interpreter =
            ask(self, &path).map_err(|said| InterpreterProblem::Mute { path: path.clone(), said })?;
        if let (Some(key), Some(path)) = (key, interpreter.path.to_str()) {
            self.versions.keep(key, &format!("{}\n{path}", interpreter.version));
        }
        Ok(interpreter)
    }

    fn ask_python(&self, path: &Path) -> Result<Interpreter, String> {
        let question = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.executable)";
        let answer = self.run(path, &["-I", "-S", "-c", question])?;
        let mut lines = answer.lines();
        let version = lines.next().filter(|line| is_version(line)).ok_or_else(|| answer.clone())?;
        // A shim starts the real one through a shell each time; what it found is used directly. An
        // environment's `python` is a link that must not be followed, or its packages are lost.
        let real = lines.next().filter(|real| is_script(path) && Path::new(real).is_file());
        let path = real.map_or_else(|| path.to_owned(), PathBuf::from);
        Ok(Interpreter { path, version: version.to_owned() })
    }

    fn ask_r(&self, path: &Path) -> Result<Interpreter, String> {
        let answer = self.run(path, &["--version"])?;
        let version =
            answer.split_whitespace().find(|word| is_version(word)).ok_or_else(|| answer.clone())?;
        Ok(Interpreter { path: path.to_owned(), version: version.to_owned() })
    }

    fn run(&self, path: &Path, arguments: &[&str]) -> Result<String, String> {
        let launch = Launch::new(path).arguments(arguments).folder(&self.project.root);
        let said = run_captured(&launch, PATIENCE).map_err(|error| error.to_string())?;
        if !said.ended.is_success() {
            return Err(said.complaint());
        }
        // Old versions of R tell theirs on standard error.
        Ok(if said.output.is_empty() { said.complaint() } else { said.text() })
    }

    /// What stands for this very program; absent where only asking helps: a script may start anything.
    fn key(&self, path: &Path) -> Option<Digest> {
        let real = path.canonicalize().ok()?;
        let mut hasher = TaggedHasher::new("kptn interpreter 1");
        hasher.field("path", path.as_os_str().as_encoded_bytes());
        hasher.field("real", real.as_os_str().as_encoded_bytes());
        hasher.field("stat", &stat(&real)?);
        if is_script(&real) {
            let shim = real.components().any(|part| part.as_os_str() == "shims");
            if !shim {
                return None;
            }
            self.add_version_files(&mut hasher);
        }
        Some(hasher.finish())
    }

    /// What the shims of pyenv, asdf and mise decide by.
    fn add_version_files(&self, hasher: &mut TaggedHasher) {
        let home = self.folder("HOME").unwrap_or_default();
        let pyenv = self.folder("PYENV_ROOT").unwrap_or_else(|| home.join(".pyenv"));
        let names = [".python-version", ".tool-versions", "mise.toml", ".mise.toml"];
        let above = self.project.root.ancestors().flat_map(|folder| names.map(|name| folder.join(name)));
        let global =
            [pyenv.join("version"), home.join(".tool-versions"), home.join(".config/mise/config.toml")];
        for file in above.chain(global) {
            if let Ok(bytes) = std::fs::read(&file) {
                hasher.field(&file.to_string_lossy(), &bytes);
            }
        }
        for variable in ["PYENV_VERSION", "ASDF_PYTHON_VERSION", "MISE_PYTHON_VERSION"] {
            hasher.field(variable, (self.env)(variable).unwrap_or_default().as_bytes());
        }
    }
}

fn is_version(text: &str) -> bool {
    let mut parts = text.split('.');
    let number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok());
    number(parts.next()) && number(parts.next())
}

fn is_script(file: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 2];
    std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"#!"
}

#[cfg(unix)]
fn stat(file: &Path) -> Option<Vec<u8>> {
    use std::os::unix::fs::MetadataExt;
    let data = file.metadata().ok()?;
    let numbers = [
        data.dev(),
        data.ino(),
        data.size(),
        data.mtime() as u64,
        data.mtime_nsec() as u64,
        data.ctime() as u64,
        data.ctime_nsec() as u64,
    ];
    Some(numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
}

#[cfg(not(unix))]
fn stat(file: &Path) -> Option<Vec<u8>> {
    let data = file.metadata().ok()?;
    let changed = data.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos();
    Some([data.len().to_le_bytes().as_slice(), &changed.to_le_bytes()].concat())
}

#[cfg(unix)]
#[cfg(test)]
#[path = "interpreters_tests.rs"]
mod tests;
