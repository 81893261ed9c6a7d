//! Names: of tasks, graphs, branches and projects.
//!
//! Parsed once, at the border. A name may hold spaces, accents and dots, but
//! nothing that a selector, a path or a terminal gives another meaning.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::Digest;

/// Why a text cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{text}` {problem}")]
pub struct NameError {
    /// What was being named: `task name`, `graph name`, `branch name`.
    pub what: &'static str,
    /// The text as it was given, with control characters escaped.
    pub text: String,
    /// What is wrong with it, as the end of a sentence.
    pub problem: &'static str,
}

const LONGEST: usize = 200;

fn checked(what: &'static str, text: &str, refused: &[char]) -> Result<Arc<str>, NameError> {
    // Nearly all names are plain, and a large project has a hundred thousand of them.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain) {
        return Ok(text.into());
    }
    let error = |problem| NameError { what, text: text.escape_debug().to_string(), problem };
    if text.is_empty() {
        return Err(error("is empty"));
    }
    if text.len() > LONGEST {
        return Err(error("is longer than 200 bytes"));
    }
    if text.trim() != text {
        return Err(error("begins or ends with white space"));
    }
    if text.chars().any(char::is_control) {
        return Err(error("holds a control character"));
    }
    if text == "." || text == ".." || text.starts_with(['-', '+', '@', '.']) {
        return Err(error("begins with `-`, `+`, `@` or `.`"));
    }
    if text.ends_with('+') {
        return Err(error("ends with `+`"));
    }
    if text.contains(refused) {
        return Err(error("holds one of / \\ [ ] { } : * ? \" < > | , or a quote"));
    }
    Ok(text.nfc().collect::<String>().into())
}

const REFUSED: &[char] = &['/', '\\', '[', ']', '{', '}', ':', '*', '?', '"', '\'', '<', '>', '|', ',', '`'];

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $refused:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Parses a name; Unicode is put into its composed form (NFC).
            pub fn parse(text: &str) -> Result<Self, NameError> {
                checked($what, text, $refused).map(Self)
            }

            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self.0)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// The name of a task, unique in its project.
    TaskName, "task name", REFUSED
);
name!(
    /// The name of a graph; also of a cache namespace, which stands for it in the state's key.
    GraphName, "graph name", REFUSED
);
name!(
    /// The name of a git branch; `main` where there is no git.
    BranchName, "branch name", &['\\', '[', '{', ':', '*', '?', '"', '<', '>', '|', '`']
);
name!(
    /// What tells projects in one store apart: the root's path in its repository, or `settings.project`.
    ProjectId, "project name", &['\\', ':', '*', '?', '"', '<', '>', '|', '`']
);

/// Returns a folder name for `text` that every file system takes and that no
/// other text gets: unchanged where it is plain, else cleaned and followed by
/// `~` and six digits of its digest.
pub fn safe_folder_name(text: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let reserved = ["con", "prn", "aux", "nul", "com", "lpt"];
    let stem = text.split('.').next().unwrap_or(text).trim_end_matches(|c: char| c.is_ascii_digit());
    let usable = !text.is_empty()
        && text.len() <= 100
        && text.chars().all(plain)
        && !text.starts_with(['.', '-'])
        && !text.ends_with('.')
        && !reserved.contains(&stem);
    if usable {
        return text.to_owned();
    }
    let digest = Digest::of(text.as_bytes()).to_string();
    format!("{}~{}", readable(text), &digest[..6])
}

/// Keeps of a text what people know it by: letters without their accents, at most 100 bytes.
fn readable(text: &str) -> String {
    let keep = |c: char| match c {
        '-' | '_' | '.' => Some(c),
        c if c.is_ascii_alphanumeric() => Some(c),
        c if unicode_normalization::char::is_combining_mark(c) => None,
        // Letters of other scripts mean the same to every file system once they are composed.
        c if !c.is_ascii() && c.is_alphanumeric() => Some(c),
        _ => Some('-'),
    };
    let composed: String = text.nfd().filter_map(keep).nfc().collect();
    let mut length = 0;
    let fits = |c: &char| {
        length += c.len_utf8();
        length <= 100
    };
    let cut: String = composed.chars().take_while(fits).collect();
    cut.trim_matches(['.', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_and_accents_are_names_and_selectors_are_not() {
        for good in ["A", "été 2024", "a.b", "naïve-model_2", "日本"] {
            assert!(TaskName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", " a", "a/b", "a[b]", "+a", "a+", "-a", "@a", "a:b", "..", "a\nb", "a,b"] {
            assert!(TaskName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(BranchName::parse("feature/x").is_ok());
    }

    #[test]
    fn one_name_has_one_unicode_form() {
        assert_eq!(TaskName::parse("e\u{301}"), TaskName::parse("é"));
    }

    #[test]
    fn folder_names_are_plain_or_marked_and_never_shared() {
        assert_eq!(safe_folder_name("main"), "main");
        let names = ["feature/x", "feature-x", "Main", "main", "nul", "con.1", "a b", "", "é"];
        let folders: std::collections::BTreeSet<_> =
            names.iter().map(|n| safe_folder_name(n).to_lowercase()).collect();
        assert_eq!(folders.len(), names.len());
        for (name, readable) in [("été/a b", "ete-a-b"), ("日本/한국", "日本-한국"), ("Main", "Main")]
        {
            assert_eq!(safe_folder_name(name).split('~').next(), Some(readable), "{name}");
        }
        assert!(safe_folder_name(&"日".repeat(200)).len() < 120);
    }
}
