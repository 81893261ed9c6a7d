//! What one Python source says, without looking at any other file.
//!
//! A module is a list of top-level statements: what each binds, which names it
//! mentions, what it imports, whether it does something when the module is
//! imported. Facts depend on the bytes alone, so they are kept by the digest
//! of the source and parsed once in a machine's life. [`FORMAT`] is part of
//! the key: raise it with any change of these types or of how they are found.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::fingerprint::source;
use crate::model::Digest;

use super::signature::Signature;
use super::statements;

/// The kind under which a memo keeps these facts; ends in the version of their format.
pub(in crate::fingerprint) const FORMAT: &str = "python facts 2";

/// What one Python source says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Of the source without byte order mark and with `\n` line ends.
    pub bytes: Digest,
    /// How far it was understood.
    pub parsed: Parsed,
    /// The top-level statements, in the order written; `if __name__ == "__main__"` is left out.
    pub statements: Vec<Statement>,
    /// Which names `import *` takes.
    pub exports: Exports,
}

/// How far a source was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Parsed {
    /// Wholly.
    Yes,
    /// There are places the grammar does not know, or it is not UTF-8: the bytes count, and what was recognised is followed.
    WithErrors,
    /// Not at all: too large, or hostile. What it reaches is unknown.
    No,
}

/// Which names `import *` takes from a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exports {
    /// Those that do not begin with `_`: there is no `__all__`.
    Public,
    /// Those in `__all__`.
    Listed(Vec<Box<str>>),
    /// Perhaps any: `__all__` is computed.
    Any,
}

/// One top-level statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// What it is.
    pub kind: Kind,
    /// Its first line, from 1.
    pub line: u32,
    /// Where it begins in the normalised source, in bytes.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    /// Of what counts: kinds of nodes and leaves, no comments, no formatting.
    pub tokens: Digest,
    /// Of its text as written.
    pub source: Digest,
    /// Names of the module that it binds, but for those it imports.
    pub binds: Vec<Box<str>>,
    /// Names it mentions that are not its own, with attributes: `m.f`. Sorted, each once.
    pub mentions: Vec<Box<str>>,
    /// What it imports.
    pub imports: Vec<Import>,
    /// Whether it does something when the module is imported, whatever its mentions are.
    pub effect: bool,
    /// What it calls, applies or inherits from when the module is imported.
    pub runs: Vec<Run>,
    /// Whether it may use names that can't be seen (`globals()`, `eval`): the whole file counts with it.
    pub wide: bool,
    /// Modules it imports by a text.
    pub loads: Vec<Load>,
}

/// What a top-level statement is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `def`.
    Function(Box<Function>),
    /// `class`.
    Class {
        /// Whether it does something when it is inherited from (`__init_subclass__`, a metaclass).
        hooks: bool,
    },
    /// Nothing but imports: it counts by what its names turn out to be.
    Import,
    /// Anything else.
    Other,
}

/// What is known of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its parameters.
    pub signature: Signature,
    /// As a decorator, `@f`: whether what it is given cannot be put anywhere else.
    pub lets_go: bool,
    /// The same as `@f(...)`.
    pub lets_go_called: bool,
}

/// One imported name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Leading dots.
    pub level: u16,
    /// The module as written, without dots before it; may be empty.
    pub module: Box<str>,
    /// What is taken from it.
    pub what: What,
    /// The name it is bound to; empty for `*`.
    pub bound: Box<str>,
    /// Where it is bound and when it happens.
    pub place: Place,
}

/// What an import takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// `import a.b`: binds `a`.
    Top,
    /// `import a.b as c`: binds the module itself.
    Module,
    /// `from m import name`.
    Name(Box<str>),
    /// `from m import *`.
    Star,
}

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// At the top level, perhaps inside `if` or `try`: binds a name of the module.
    Module,
    /// In a class body: happens when the module is imported.
    Class,
    /// In a function: happens when it is called.
    Function,
}

/// Something used at the time of import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// How it is used.
    pub role: Role,
    /// Its name, with attributes.
    pub path: Box<str>,
}

/// How something is used at the time of import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Called.
    Call,
    /// `@path`.
    Decorator,
    /// `@path(...)`.
    CalledDecorator,
    /// Inherited from.
    Base,
    /// Operated on: `a >> b`, `a[b]`, `a.b`.
    Operand,
}

/// A module that is imported by a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Load {
    /// `import_module("a.b")`.
    Module(Box<str>),
    /// `import_module(f"a.{name}")`: any module in package `a`.
    Package(Box<str>),
    /// `run_path("x.py")`.
    File(Box<str>),
    /// Computed: it can't be told.
    Computed {
        /// The line, from 1.
        line: u32,
    },
}

/// Returns what a Python source says; never fails, whatever the bytes are.
pub fn facts_of(bytes: &[u8]) -> Facts {
    let normalised = source::normalised(bytes);
    let digest = Digest::of(&normalised);
    let (text, trusted) = decoded(&normalised);
    let unparsed = Facts { bytes: digest, parsed: Parsed::No, statements: Vec::new(), exports: Exports::Any };
    statements::read(&text, digest, trusted).unwrap_or(unparsed)
}

/// Returns the text of a normalised source, and whether that is surely what Python reads.
///
/// What is not UTF-8 is read as Latin-1: good enough to follow its imports.
pub(super) fn decoded(normalised: &[u8]) -> (Cow<'_, str>, bool) {
    match std::str::from_utf8(normalised) {
        Ok(text) => (Cow::Borrowed(text), !has_other_encoding(text)),
        Err(_) => (normalised.iter().map(|byte| char::from(*byte)).collect(), false),
    }
}

/// Tells whether a comment in the first two lines says that the file is not UTF-8.
fn has_other_encoding(text: &str) -> bool {
    let cookie = text.lines().take(2).filter(|line| line.trim_start().starts_with('#')).find_map(|line| {
        let (_, after) = line.split_once("coding")?;
        let name = after.strip_prefix([':', '='])?.trim_start();
        Some(name.split(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).next()?.to_lowercase())
    });
    cookie
        .is_some_and(|name| !matches!(name.as_str(), "utf-8" | "utf8" | "utf_8" | "ascii" | "us-ascii" | ""))
}

impl Facts {
    /// Tells whether the code changes where Python looks for modules.
    pub(super) fn alters_path(&self) -> bool {
        let changes = |path: &str| path.starts_with("sys.path") || path == "site.addsitedir";
        let imports_path = |import: &Import| {
            import.module.as_ref() == "sys"
                && matches!(&import.what, What::Name(name) if name.as_ref() == "path")
        };
        self.statements
            .iter()
            .any(|one| one.mentions.iter().any(|path| changes(path)) || one.imports.iter().any(imports_path))
    }
}
