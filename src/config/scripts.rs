//! Where a task's script is.
//!
//! `file` is looked for in `kptn.yaml`'s folder, the project root, then each
//! folder of tasks in its language; `file: true` in the folders of tasks first.
//! A script that is nowhere is not an error here: `check` and `run` say so.

use std::path::{Path, PathBuf};

use super::find::{Found, join};
use super::project::Disk;
use super::report::Report;
use super::shapes::File;
use crate::model::{Language, Location, Script, Settings, TaskName, Template};

/// The folders in which scripts are looked for, in order.
pub(super) struct Folders<'a> {
    beside: Vec<PathBuf>,
    settings: &'a Settings,
    disk: &'a Disk,
}

impl<'a> Folders<'a> {
    pub fn new(found: &Found, settings: &'a Settings, disk: &'a Disk) -> Self {
        let mut beside = vec![found.folder().to_owned()];
        beside.extend((found.root != beside[0]).then(|| found.root.clone()));
        Self { beside, settings, disk }
    }

    /// Finds the script of a task; absent where `file` itself makes no sense, which is reported.
    pub fn find(
        &self,
        task: &TaskName,
        file: &File,
        place: Option<Location>,
        report: &mut Report,
    ) -> Option<Script> {
        let (path, function) = match file {
            File::ByTask => (format!("{task}.py"), None),
            File::Path(text) => split(text.trim()),
        };
        let template = report.accept(place, Template::parse(&path))?;
        let language = language(&path, place, report)?;
        if language == Language::R && function.is_some() {
            let message = format!("an R task runs a whole script, but `{path}` is followed by a function");
            report.error(place, message).hint = Some(format!("write `file: {path}`"));
        }
        let function =
            (language == Language::Python).then(|| function.unwrap_or_else(|| task.as_str().to_owned()));
        let mut script = Script { language, file: template, path: None, function, tried: Vec::new() };
        if script.file.variables().next().is_none() {
            self.look(&mut script, matches!(file, File::ByTask), &path, place, report);
        }
        Some(script)
    }

    fn look(
        &self,
        script: &mut Script,
        by_task: bool,
        path: &str,
        place: Option<Location>,
        report: &mut Report,
    ) {
        let of_language = match script.language {
            Language::Python => &self.settings.py_tasks_dirs,
            Language::R => &self.settings.r_tasks_dirs,
        };
        let folders: Vec<&PathBuf> = match by_task {
            true => of_language.iter().chain(&self.beside).collect(),
            false => self.beside.iter().chain(of_language).collect(),
        };
        for folder in folders {
            let candidate = join(folder, path);
            if script.tried.contains(&candidate) {
                continue;
            }
            if (self.disk.is_file)(&candidate) {
                match &script.path {
                    None => script.path = Some(candidate.clone()),
                    Some(first) => two_hits(path, first, &candidate, place, report),
                }
            }
            script.tried.push(candidate);
        }
    }
}

fn two_hits(path: &str, first: &Path, second: &Path, place: Option<Location>, report: &mut Report) {
    let message =
        format!("`{path}` is in two places; `{}` is used, not `{}`", first.display(), second.display());
    report.warning(place, message).hint = Some("rename or remove one of them".into());
}

/// Splits `tasks.py:function`.
fn split(text: &str) -> (String, Option<String>) {
    match text.rsplit_once(':') {
        Some((path, function))
            if path.to_lowercase().ends_with(".py") || path.to_lowercase().ends_with(".r") =>
        {
            let function = function.trim();
            (path.trim().to_owned(), (!function.is_empty()).then(|| function.to_owned()))
        }
        _ => (text.to_owned(), None),
    }
}

fn language(path: &str, place: Option<Location>, report: &mut Report) -> Option<Language> {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("py") => return Some(Language::Python),
        Some("r") => return Some(Language::R),
        Some("sql") => {
            report.error(place, format!("SQL tasks such as `{path}` are not supported")).hint =
                Some("run the statements from a Python function or an R script".into());
        }
        _ => {
            report.error(place, format!("`{path}` is neither an R script (`.R`) nor Python (`.py`)")).hint =
                Some("write `file: path/to/script.R`, `file: path/to/script.py` or `file: true`".into());
        }
    }
    None
}
