//! What a task (or one of its items) declares to write, with variables filled in.
//!
//! A declared output is a file, a folder (`x/`) or a glob. A variable that
//! nothing supplies is a wildcard within its part of the path. Whatever the
//! variables hold, an output stays inside the output folder.

use std::convert::Infallible;
use std::sync::OnceLock;

use globset::{Glob, GlobBuilder, GlobMatcher};

use super::OutputsError;
use super::path::checked;
use crate::model::{Template, Variables};

/// Outputs as one task or item declares them.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// Files by name; one of these may turn out to be a folder.
    pub files: Vec<String>,
    /// Folders, without the `/` at the end; all that is in them.
    pub folders: Vec<String>,
    /// Patterns.
    pub globs: Vec<Pattern>,
}

/// A glob below the output folder.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As it is matched.
    pub text: String,
    /// The folder that all matches are in; empty for the output folder itself.
    pub base: String,
    /// What all matches begin with.
    start: String,
    /// How many folders deep matches are; absent where a `**` allows any.
    depth: Option<usize>,
    glob: Glob,
    /// Made when it is first needed: fifty thousand items are compared before one of them runs.
    matcher: OnceLock<GlobMatcher>,
}

impl Declared {
    /// Fills in variables; fails where a path leaves the output folder.
    pub fn expand<'a>(
        outputs: impl IntoIterator<Item = &'a Template>,
        variables: &Variables,
    ) -> Result<Self, OutputsError> {
        let mut declared = Self::default();
        for output in outputs {
            if is_glob(output, variables) {
                declared.globs.push(Pattern::new(&as_pattern(output, variables))?);
                continue;
            }
            let text = expanded(output, variables, str::to_owned);
            let path = checked(&text)?;
            let list = if text.ends_with('/') { &mut declared.folders } else { &mut declared.files };
            if !list.contains(&path) {
                list.push(path);
            }
        }
        Ok(declared)
    }

    /// Returns files and folders: the paths that are named literally.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.files.iter().chain(&self.folders).map(String::as_str)
    }

    /// Tells whether a path is one of the literal ones or lies in one of them.
    pub fn claims(&self, path: &str) -> bool {
        self.literals().any(|literal| is_at_or_below(path, literal))
    }

    /// Tells whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty() && self.globs.is_empty()
    }
}

/// Tells whether `path` is `folder` or lies below it.
pub fn is_at_or_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Pattern {
    fn new(text: &str) -> Result<Self, OutputsError> {
        let text = checked(text)?;
        let glob = GlobBuilder::new(&text)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|source| OutputsError::Glob { pattern: text.clone(), source })?;
        let fixed = text.split('/').take_while(|part| !has_wildcard(part)).count();
        // Of a pattern without a wildcard in its folders, the last part is still a name, no folder.
        let fixed = fixed.min(text.split('/').count() - 1);
        let base = text.split('/').take(fixed).collect::<Vec<_>>().join("/");
        let depth = (!text.contains("**")).then(|| text.matches('/').count());
        let start = unescaped(&text[..first_wildcard(&text)]);
        Ok(Self { base: unescaped(&base), start, depth, glob, matcher: OnceLock::new(), text })
    }

    /// Tells whether a path matches. As in a shell, a name that begins with a dot
    /// is matched only by a pattern that has such a part.
    pub fn matches(&self, path: &str) -> bool {
        let dotted = |text: &str| text.split('/').any(|part| part.starts_with('.'));
        if !path.starts_with(&self.start) || (dotted(path) && !dotted(&self.text)) {
            return false;
        }
        self.matcher.get_or_init(|| self.glob.compile_matcher()).is_match(path)
    }

    /// Tells whether something in a folder may match.
    pub fn may_match_in(&self, folder: &str) -> bool {
        let common = folder.len().min(self.start.len());
        folder.as_bytes()[..common] == self.start.as_bytes()[..common]
            && self.depth.is_none_or(|depth| folder.matches('/').count() < depth)
    }
}

fn has_wildcard(text: &str) -> bool {
    first_wildcard(text) < text.len()
}

/// Returns where the first wildcard is, or the end.
fn first_wildcard(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if !escaped && matches!(c, '*' | '?' | '[' | '{') {
            return at;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        out.push(if c == '\\' { characters.next().unwrap_or(c) } else { c });
    }
    out
}

/// Tells whether wildcards are written in the output itself or stand for a variable; those in a value are text.
fn is_glob(output: &Template, variables: &Variables) -> bool {
    has_wildcard(&expanded(output, variables, |_| String::new()))
}

fn as_pattern(output: &Template, variables: &Variables) -> String {
    expanded(output, variables, |value| {
        value.chars().flat_map(|c| "\\*?[]{}!".contains(c).then_some('\\').into_iter().chain([c])).collect()
    })
}

fn expanded(output: &Template, variables: &Variables, value: impl Fn(&str) -> String) -> String {
    let text = |name: &str| variables.get(name).map_or_else(|| "*".to_owned(), |text| value(text));
    match output.expand(&Variables::new(), |name| Ok::<_, Infallible>(text(name))) {
        Ok(text) => text,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(outputs: &[&str], state: &str) -> Result<Declared, OutputsError> {
        let outputs: Vec<_> = outputs.iter().map(|text| Template::parse(text).unwrap()).collect();
        Declared::expand(&outputs, &Variables::from([("US_STATE".into(), state.into())]))
    }

    #[test]
    fn files_folders_and_globs_are_told_apart() {
        let found =
            declared(&["./${US_STATE}//a.csv", "b/", "c/*.csv", "d/${YEAR}.csv", "b/"], "NC").unwrap();
        assert_eq!((found.files, found.folders), (vec!["NC/a.csv".to_owned()], vec!["b".to_owned()]));
        let globs: Vec<_> = found.globs.iter().map(|glob| (glob.text.as_str(), glob.base.as_str())).collect();
        assert_eq!(globs, [("c/*.csv", "c"), ("d/*.csv", "d")]);
    }

    #[test]
    fn a_wildcard_in_a_value_is_text() {
        assert_eq!(declared(&["${US_STATE}.csv"], "a*[b]").unwrap().files, ["a*[b].csv"]);
        let found = declared(&["${US_STATE}/*.csv"], "a*").unwrap();
        assert_eq!(found.globs[0].base, "a*");
        assert!(found.globs[0].matches("a*/x.csv"));
        assert!(!found.globs[0].matches("ab/x.csv"));
    }

    #[test]
    fn a_wildcard_stays_in_its_part_and_leaves_hidden_files_alone() {
        let found = declared(&["*.csv", "**/*.rds", ".cache/*"], "").unwrap();
        let matches = |at: usize, path: &str| found.globs[at].matches(path);
        assert!(matches(0, "a.csv") && !matches(0, "x/a.csv") && !matches(0, ".a.csv"));
        assert!(matches(1, "x/y/a.rds") && !matches(1, ".kept/a.rds"));
        assert!(matches(2, ".cache/x"));
        assert!(found.globs[1].may_match_in("x/y") && !found.globs[0].may_match_in("x"));
        let deep = declared(&["a/${US_STATE}-*/*.csv"], "N[C]").unwrap();
        assert!(deep.globs[0].may_match_in("a/N[C]-1") && !deep.globs[0].may_match_in("a/SC-1"));
        assert!(!deep.globs[0].may_match_in("a/N[C]-1/b") && deep.globs[0].matches("a/N[C]-1/b.csv"));
    }

    #[test]
    fn no_value_leads_out_of_the_folder() {
        for value in ["..", "/etc", "../x", "a/../../b", "a\0b"] {
            assert!(declared(&["${US_STATE}/a.csv"], value).is_err(), "{value:?}");
            assert!(declared(&["${US_STATE}/*.csv"], value).is_err(), "{value:?}");
        }
        assert!(declared(&[".kept/a"], "").is_err());
        assert!(declared(&["${US_STATE}"], "").is_err());
    }
}
