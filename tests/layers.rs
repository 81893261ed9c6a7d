//! Holds the shape of the house: who may use whom, what stays behind its fence, and that files stay small.
//!
//! The order of the layers is read from the drawing in `src/lib.rs`, so that the tour cannot lie. Only the
//! text of the sources is looked at; comments and string literals do not count.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Names that may be used in some places alone: (pattern, folders or files below `src/`).
const FENCES: &[(&str, &[&str])] = &[
    (r"\bgit2::", &["git.rs", "git/"]),
    (r"\brusqlite::", &["store/", "state/"]),
    (r"\bserde_yaml::", &["config/"]),
    (r"\btoml::", &["config/", "fingerprint/lockfiles/read.rs"]),
    (r"\bpetgraph::", &["graph/"]),
    (r"\btree_sitter(_python|_r)?::", &["fingerprint/"]),
    (r"\b(clap|clap_complete|clap_mangen|indicatif|anstream|owo_colors)::", &["cli/"]),
    (r"\b(e?print(ln)?|dbg)!", &["cli/", "main.rs"]),
    (r"\b(std|tokio)::process::(Command|\{[^}]*\bCommand)\b", &["process/"]),
    (r"\bminijinja::", &["render/"]),
    (r"\bobject_store::", &["remote/"]),
    (r"\baws_(config|smithy_http_client|sdk_[a-z]+)::", &["aws/", "remote/table/"]),
];

/// Modules that are no layers: any file may use them, and they use nothing.
const BESIDE: &[&str] = &["failpoint"];

/// What a layer that does not act must not touch.
const PURE: &[(&str, &str)] = &[
    ("model/", r"\b(std::fs|std::env|SystemTime|Instant|jiff)\b"),
    ("plan/", r"\b(std::fs|std::env|std::net|SystemTime|Instant|jiff)\b"),
    ("graph/", r"\b(std::fs|std::env|SystemTime|Instant)\b"),
    ("render/", r"\b(crate::(state|store|task)|SystemTime|Instant)\b"),
];

struct Source {
    /// Relative to `src/`.
    path: String,
    /// As written.
    text: String,
    /// Without comments, strings and unit tests.
    code: String,
}

impl Source {
    fn layer(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Tells whether the whole file is unit tests, which may start programs as they like.
    fn is_unit_test(&self) -> bool {
        self.path.ends_with("tests.rs") || self.path.contains("/tests/")
    }

    fn is_below(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 20, "the sources were not found below {}", root.display());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source");
        let path = path.strip_prefix(&root).expect("below src").display().to_string();
        Source { path, code: code_of(&text), text }
    };
    paths.into_iter().map(read).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Returns a source without its comments, string literals and unit tests.
fn code_of(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    let noise = Regex::new(r##"(?s)//[^\n]*|/\*.*?\*/|b?r#".*?"#|b?"(?:\\.|[^"\\])*""##).expect("a pattern");
    noise.replace_all(text, "\"\"").into_owned()
}

/// Returns the layers in the order of the drawing in `src/lib.rs`.
fn layers() -> Vec<String> {
    let tour = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("lib.rs");
    let drawing = tour.split("```text").nth(1).and_then(|rest| rest.split("```").next()).expect("a drawing");
    let row = Regex::new(r"(?m)^//! ([a-z_]+) {2,}\S").expect("a pattern");
    row.captures_iter(drawing).map(|found| found[1].to_owned()).collect()
}

/// Returns the first names after `crate::`, from paths and from `use crate::{...}` groups.
fn used_layers(code: &str) -> BTreeSet<String> {
    let path = Regex::new(r"\bcrate::(\{?)").expect("a pattern");
    let name = Regex::new(r"^\s*([a-z_][a-z_0-9]*)").expect("a pattern");
    let mut used = BTreeSet::new();
    for found in path.captures_iter(code) {
        let rest = &code[found.get(0).expect("the whole").end()..];
        let parts = if found[1].is_empty() { vec![rest] } else { group_parts(rest) };
        for part in parts {
            if let Some(first) = name.captures(part) {
                used.insert(first[1].to_owned());
            }
        }
    }
    used
}

/// Splits `a::b, c::{d, e}}...` at the commas of its outermost level.
fn group_parts(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&text[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

#[test]
fn every_module_of_the_crate_is_in_the_drawing() {
    let sources = sources();
    let tour = sources.iter().find(|source| source.path == "lib.rs").expect("lib.rs");
    let declared = Regex::new(r"(?m)^pub mod ([a-z_]+);").expect("a pattern");
    let declared: BTreeSet<_> = declared.captures_iter(&tour.code).map(|found| found[1].to_owned()).collect();
    let drawn: BTreeSet<_> =
        layers().into_iter().chain(BESIDE.iter().map(|name| (*name).to_owned())).collect();
    assert_eq!(declared, drawn);
}

#[test]
fn code_uses_only_the_layers_above_it() {
    let layers = layers();
    let rank = |layer: &str| layers.iter().position(|name| name == layer);
    let mut wrong = Vec::new();
    let layered = |source: &&Source| !["lib", "main"].contains(&source.layer()) && !source.is_unit_test();
    for source in sources().iter().filter(layered) {
        for used in used_layers(&source.code).iter().filter(|used| !BESIDE.contains(&used.as_str())) {
            if rank(used).is_none_or(|used| Some(used) > rank(source.layer())) {
                wrong.push(format!("src/{} uses `crate::{used}`", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "against the order {}:\n{}", layers.join(" > "), wrong.join("\n"));
}

#[test]
fn what_is_fenced_stays_in_its_place() {
    let mut wrong = Vec::new();
    for (pattern, places) in FENCES {
        let pattern = Regex::new(pattern).expect("a pattern");
        for source in sources().iter().filter(|source| !source.is_below(places) && !source.is_unit_test()) {
            for found in pattern.find_iter(&source.code) {
                wrong.push(format!("src/{}: `{}` belongs to {places:?}", source.path, found.as_str()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_decides_does_not_act() {
    let mut wrong = Vec::new();
    for (place, pattern) in PURE {
        let pattern = Regex::new(pattern).expect("a pattern");
        for source in sources().iter().filter(|source| source.is_below(&[place])) {
            for found in pattern.find_iter(&source.code) {
                wrong.push(format!("src/{}: `{}`", source.path, found.as_str()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_stays_small() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            wrong.push(format!("src/{} does not begin with `//!`", source.path));
        }
        let (lines, full) = (source.text.lines().count(), if source.is_unit_test() { 600 } else { 400 });
        if lines > full {
            wrong.push(format!("src/{} has {lines} lines; {full} is full", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readers_of_this_test_see_what_they_should() {
    let code =
        code_of("use crate::{model::A, state::{b, c}, task};\n// crate::cli\nlet x = \"crate::ops\";\n");
    let used: Vec<_> = used_layers(&code).into_iter().collect();
    assert_eq!(used, ["model", "state", "task"]);
}

#[test]
fn no_test_file_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = fs::read_to_string(folder.join("main.rs")).expect("main.rs");
    for entry in fs::read_dir(&folder).expect("tests/") {
        let name = entry.expect("an entry").file_name().display().to_string();
        if let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") {
            assert!(main.contains(&format!("mod {module};")), "tests/main.rs does not name `{module}`");
        }
    }
}

/// A test that the suite passes over is one that nobody sees fail.
#[test]
fn no_test_is_ignored() {
    let ignored = Regex::new(r"#\[(cfg_attr\(.*)?ignore\b").expect("a pattern");
    let mut wrong: Vec<String> = sources()
        .iter()
        .filter(|source| ignored.is_match(&source.text))
        .map(|source| source.path.clone())
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for entry in fs::read_dir(&folder).expect("tests/") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a test file");
            wrong.extend(ignored.is_match(&text).then(|| path.display().to_string()));
        }
    }
    assert_eq!(wrong, [""; 0]);
}
