//! What one R source says, without looking at any other file.
//!
//! Its words, the files it sources as far as their paths are written out, and
//! the packages it uses. Facts depend on the bytes alone and are kept by their
//! digest. [`FORMAT`] is part of the key: raise it with any change of these
//! types or of how they are found.

use serde::{Deserialize, Serialize};

use crate::fingerprint::source;
use crate::fingerprint::syntax::parse;
use crate::model::Digest;

use super::{calls, tokens};

/// The kind under which a memo keeps these facts; ends in the version of their format.
pub(super) const FORMAT: &str = "r facts 2";

/// What one R source says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Of what counts: its words where it was understood, else its bytes.
    pub digest: Option<Digest>,
    /// Whether the parser gave up: what it sources is unknown.
    pub unparsed: bool,
    /// Files that it reads as code.
    pub sources: Vec<Sourced>,
    /// Files of code that it names, however it may use them.
    pub mentioned: Vec<Written>,
    /// Folders that it makes the working folder.
    pub folders: Vec<Written>,
    /// Packages that it uses, sorted.
    pub packages: Vec<Box<str>>,
    /// Whether it may use others as well: their names are computed.
    pub more_packages: bool,
}

/// A file that is read as code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sourced {
    /// The line, from 1.
    pub line: u32,
    /// Which files it may be; empty where that is computed.
    pub paths: Vec<Written>,
    /// What is in it.
    pub content: Content,
}

/// What a sourced file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// R code, which is followed.
    R,
    /// Something else (C++, Python, R Markdown), which counts by its bytes.
    Other,
}

/// A path as it is written out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Written {
    /// Whether it is relative to the `here` root.
    pub here: bool,
    /// The path; parts are joined by `/`.
    pub text: Box<str>,
    /// Whether it stands for all files that match it.
    pub glob: bool,
}

/// Returns what an R source says; never fails, whatever the bytes are.
pub fn facts_of(bytes: &[u8]) -> Facts {
    let normalised = source::normalised(bytes);
    let by_bytes = Some(Digest::of(&normalised));
    let (text, trusted) = decoded(&normalised);
    let Some(tree) = parse(&tree_sitter_r::LANGUAGE.into(), &text) else {
        return Facts { digest: by_bytes, unparsed: true, more_packages: true, ..Facts::default() };
    };
    let root = tree.root_node();
    let understood = trusted && !root.has_error();
    let mut facts = calls::read(root, &text);
    facts.digest = if understood { Some(tokens::digest(root, &text)) } else { by_bytes };
    facts
}

/// Returns the text of a source, and whether that is surely what R reads: what is not UTF-8 is read as Latin-1.
pub(super) fn decoded(normalised: &[u8]) -> (std::borrow::Cow<'_, str>, bool) {
    match std::str::from_utf8(normalised) {
        Ok(text) => (text.into(), true),
        Err(_) => (normalised.iter().map(|byte| char::from(*byte)).collect(), false),
    }
}
