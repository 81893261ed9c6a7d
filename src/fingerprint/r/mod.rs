//! R code: a script and, transitively, every file that it sources.
//!
//! ```text
//! facts    what one source says, by its bytes alone   (calls, paths, tokens)
//! mentions files of code that are only named
//! places   where a written path may lead
//! ```
//! A file counts by its words, without comments. Where a path may lead to
//! several files, all that exist count; files of other languages count by their
//! bytes, and so do those that they name. A path that is computed when the script
//! runs can't be followed; that is said, and the file can be declared in
//! `inputs`. What a script reads as data (`readRDS`) is none of this.

mod calls;
mod facts;
mod functions;
mod mentions;
mod paths;
mod places;
mod tokens;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::model::{CodePart, Diagnostic, Digest, Input, Location, Severity, Task};

use super::code::{Packages, Reached, add_part};
use super::files::name_of;
use super::gather::Gathered;
use super::kept::{self, guard};
use super::memo::{Memo, Seen};
use super::source;
use super::surroundings::Surroundings;
use facts::{Content, FORMAT, Sourced, Written, decoded};

pub use facts::{Facts, facts_of};

/// What one look at the project knows of its R code.
#[derive(Default)]
pub(super) struct Look {
    sources: Mutex<HashMap<PathBuf, Arc<Source>>>,
}

/// One source as read.
struct Source {
    text: Arc<str>,
    /// Of the text as it is shown.
    shown: Digest,
    facts: Facts,
}

impl Look {
    /// Returns a source, read at most once.
    fn source(&self, memo: &dyn Memo, path: &Path) -> Result<Arc<Source>, std::io::Error> {
        if let Some(source) = guard(&self.sources).get(path) {
            return Ok(source.clone());
        }
        let bytes = memo.read(path)?;
        let source = kept::shared("r source", &bytes, || Source::parse(memo, &bytes));
        Ok(guard(&self.sources).entry(path.to_path_buf()).or_insert(source).clone())
    }
}

impl Source {
    fn parse(memo: &dyn Memo, bytes: &[u8]) -> Self {
        let normalised = source::normalised(bytes);
        let facts = kept::facts(memo, FORMAT, Digest::of(&normalised), || facts_of(&normalised));
        let text: Arc<str> = decoded(&normalised).0.as_ref().into();
        Self { shown: Digest::of(text.as_bytes()), text, facts }
    }
}

/// Adds the code of an R task; returns the packages that it uses.
pub(super) fn add(task: &Task, script: &Path, s: &Surroundings, to: &mut Gathered) -> Reached {
    let mut walk = Walk {
        task,
        script,
        s,
        to,
        seen: BTreeSet::new(),
        packages: Packages::default(),
        folders: Vec::new(),
        moves_library: false,
    };
    walk.code(script, "script");
    let moves_library = walk.moves_library;
    for folder in places::start_folders(script, s) {
        let profile = folder.join(".Rprofile");
        // Looked at also where it is not: its appearance changes what R does.
        if matches!(s.memo.look(&profile), Ok(Seen::File { .. })) {
            let name = name_of(&profile, &s.project.root);
            walk.code(&profile, &name);
        }
    }
    let packages = walk.packages;
    if !moves_library {
        to.packages = packages.names.iter().cloned().collect();
    }
    Reached { packages, ..Reached::default() }
}

struct Walk<'w, 'a> {
    task: &'w Task,
    script: &'w Path,
    s: &'w Surroundings<'a>,
    to: &'w mut Gathered,
    seen: BTreeSet<PathBuf>,
    packages: Packages,
    /// Folders that the code goes to, as far as it was seen.
    folders: Vec<Written>,
    /// Whether it changes where packages are looked for.
    moves_library: bool,
}

/// Words of code that changes where packages are looked for. Too many of them do no harm.
const LIBRARY_WORDS: [&str; 6] = [".libPaths", "lib.loc", "R_LIBS", "renv::", "packrat::", "groundhog"];

/// A file to look at next.
struct Next {
    path: PathBuf,
    name: String,
    content: Content,
}

impl Walk<'_, '_> {
    /// Adds one file of R code and whatever it leads to.
    fn code(&mut self, path: &Path, name: &str) {
        let mut open = vec![Next { path: path.to_path_buf(), name: name.to_owned(), content: Content::R }];
        while let Some(next) = open.pop() {
            if !self.seen.insert(next.path.clone()) {
                continue;
            }
            open.extend(match next.content {
                Content::R => self.script(&next.path, next.name),
                Content::Other => self.other(&next.path, next.name),
            });
        }
    }

    /// Adds a file of R code; returns what it leads to.
    fn script(&mut self, path: &Path, name: String) -> Vec<Next> {
        let source = match self.s.r.source(self.s.memo, path) {
            Ok(source) => source,
            Err(error) => {
                self.to.uncacheable.push(format!("`{}` cannot be read: {error}", path.display()));
                return Vec::new();
            }
        };
        if source.facts.unparsed {
            let problem = format!("`{}` cannot be parsed: what it sources is unknown", path.display());
            self.to.uncacheable.push(problem);
        }
        self.packages.names.extend(source.facts.packages.iter().cloned());
        self.packages.more |= source.facts.more_packages;
        self.folders.extend(source.facts.folders.iter().cloned());
        self.moves_library |= LIBRARY_WORDS.iter().any(|word| source.text.contains(word));
        self.to.files.push(path.to_path_buf());
        let file = name_of(path, &self.s.project.root);
        let digest = source.facts.digest.unwrap_or(source.shown);
        let text = source.text.clone();
        add_part(CodePart { name, file, line: 1, digest, text, source: source.shown }, self.to);
        let mut next = self.mentioned(&source.facts.mentioned, path);
        next.extend(source.facts.sources.iter().flat_map(|sourced| self.sourced(sourced, path)));
        next
    }

    /// Returns the files that one call reads as code.
    fn sourced(&mut self, sourced: &Sourced, from: &Path) -> Vec<Next> {
        if sourced.paths.is_empty() {
            self.note(from, sourced, "a path given to `source()` is computed, so it can't be followed");
        }
        let mut next = Vec::new();
        for written in &sourced.paths {
            if written.text.ends_with("renv/activate.R") {
                // It starts renv; what that does is in the lock file.
                continue;
            }
            if written.text.contains("://") {
                self.note(from, sourced, "code is sourced from the network, so it can't be followed");
                continue;
            }
            let found = places::find(written, from, &self.folders, self.script, self.s);
            if found.is_empty() && !written.glob {
                self.missing(&written.text, from, sourced);
            }
            next.extend(found.into_iter().map(|path| self.next(path, sourced.content)));
        }
        next
    }

    /// Returns those files that exist of all that a text names.
    fn mentioned(&self, mentioned: &[Written], from: &Path) -> Vec<Next> {
        let exist = |written| places::find(written, from, &self.folders, self.script, self.s);
        let files = mentioned.iter().flat_map(exist);
        files.map(|path| self.next(path.clone(), mentions::content_of(&path.to_string_lossy()))).collect()
    }

    fn next(&self, path: PathBuf, content: Content) -> Next {
        Next { name: name_of(&path, &self.s.project.root), path, content }
    }

    /// Adds a file of another language by its bytes; returns the files that it names.
    fn other(&mut self, path: &Path, name: String) -> Vec<Next> {
        let bytes = match self.s.memo.read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.to.uncacheable.push(format!("`{}` cannot be read: {error}", path.display()));
                return Vec::new();
            }
        };
        let normalised = source::normalised(&bytes);
        let text: Arc<str> = String::from_utf8_lossy(&normalised).into();
        let (digest, source) = (Digest::of(&normalised), Digest::of(text.as_bytes()));
        let mut named: Vec<Written> = mentions::named_in(&text).collect();
        if path.extension().is_some_and(|ending| ending == "py") {
            named.extend(mentions::imported_by_python(&normalised));
        }
        add_part(CodePart { file: name.clone(), name, line: 1, digest, text, source }, self.to);
        self.to.files.push(path.to_path_buf());
        self.mentioned(&named, path)
    }

    /// A file that is not there counts as such: it may be sourced only where it exists.
    fn missing(&mut self, written: &str, from: &Path, sourced: &Sourced) {
        let message = format!("`{written}` is sourced, but was not found");
        self.to.notes.push(
            Diagnostic::new(Severity::Warning, message)
                .at(from, Some(at_line(sourced.line)))
                .hint("paths are looked for from the script's folder, the file's own and the project root"),
        );
        let (digest, source) = (Digest::of(b"kptn: absent"), Digest::of(b""));
        let name = format!("{written} (absent)");
        add_part(
            CodePart { name, file: written.to_owned(), line: 1, digest, text: "".into(), source },
            self.to,
        );
    }

    fn note(&mut self, from: &Path, sourced: &Sourced, message: &str) {
        if declares_code(self.task) {
            return;
        }
        self.to.notes.push(
            Diagnostic::new(Severity::Note, message)
                .at(from, Some(at_line(sourced.line)))
                .hint("name the files it may be in the task's `inputs`"),
        );
    }
}

fn at_line(line: u32) -> Location {
    Location { line, column: 1, length: 0 }
}

fn declares_code(task: &Task) -> bool {
    let is_code = |input: &Input| match input {
        Input::Files(files) => files.as_str().ends_with(".R") || files.as_str().ends_with(".r"),
        Input::Probe(_) => false,
    };
    task.inputs.iter().any(is_code)
}
