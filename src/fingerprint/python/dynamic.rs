//! Names that are found at run time: `globals()`, `eval`, `import_module`, names inside texts.
//!
//! What is written as a literal is followed; what is computed widens to the
//! whole file, or to the whole package that the text begins with.

use tree_sitter::Node;

use crate::fingerprint::syntax::{children, text_of};

use super::facts::Load;

/// What a call does with names that are no identifiers.
#[derive(Debug, Default)]
pub(super) struct Dynamic {
    pub wide: bool,
    pub load: Option<Load>,
}

/// Tells whether something of this name can reach every name of a module, or all subclasses.
pub(super) fn sees_all_names(path: &str) -> bool {
    matches!(path, "globals" | "eval" | "exec" | "execfile" | "sys.modules" | "__builtins__" | "__main__")
        || path.starts_with("sys.modules.")
}

/// Tells whether an attribute of this name, of whatever, can do so.
pub(super) fn attribute_sees_all_names(name: &str) -> bool {
    matches!(name, "__globals__" | "f_globals" | "__subclasses__")
}

/// Looks at one call of `function`.
pub(super) fn of_call(function: &str, call: Node<'_>, text: &str, deferred: bool) -> Dynamic {
    let arguments = call.child_by_field_name("arguments").map(children).unwrap_or_default();
    let arguments: Vec<Node<'_>> = arguments
        .into_iter()
        .map(|(argument, _)| argument)
        .filter(|argument| argument.is_named() && argument.kind() != "comment")
        .collect();
    let line = call.start_position().row as u32 + 1;
    let last = function.rsplit('.').next().unwrap_or(function);
    let load = |load| Dynamic { wide: false, load: Some(load) };
    match last {
        "getattr" if function == "getattr" || function == "builtins.getattr" => {
            let literal = arguments.get(1).and_then(|name| literal(*name, text));
            Dynamic { wide: arguments.len() > 1 && literal.is_none(), load: None }
        }
        "vars" | "dir" | "locals" if function == last && arguments.is_empty() => {
            Dynamic { wide: !deferred, load: None }
        }
        "import_module" | "__import__" | "run_module" | "resolve_name" => {
            load(relative(module(arguments.first().copied(), text, line), &arguments, text))
        }
        "get" | "pop" | "__getitem__" if function.starts_with("sys.modules.") => {
            load(module(arguments.first().copied(), text, line))
        }
        "run_path" => load(file(arguments.first().copied(), text, line)),
        "spec_from_file_location" | "SourceFileLoader" | "load_source" => {
            load(file(arguments.get(1).copied(), text, line))
        }
        "walk_packages" | "iter_modules" => load(Load::Computed { line }),
        _ => Dynamic::default(),
    }
}

/// Tells whether a name outside the project is a function that loads code: wherever it goes, it does so.
pub(super) fn loads(path: &str) -> bool {
    matches!(
        path,
        "importlib.import_module"
            | "importlib.__import__"
            | "builtins.__import__"
            | "importlib.util.spec_from_file_location"
            | "importlib.machinery.SourceFileLoader"
            | "runpy.run_module"
            | "runpy.run_path"
            | "pkgutil.resolve_name"
    )
}

/// Looks at `sys.modules["a.b"]`.
pub(super) fn of_subscript(node: Node<'_>, text: &str) -> Option<Load> {
    let key = node.child_by_field_name("subscript")?;
    // The module that it stands in is wide anyway.
    let own = matches!(text_of(key, text), "__name__" | "__package__");
    (!own).then(|| module(Some(key), text, node.start_position().row as u32 + 1))
}

/// `import_module(".m", package="a.b")` is `a.b.m`; in the own package it stays as it is.
fn relative(load: Load, arguments: &[Node<'_>], text: &str) -> Load {
    let Load::Module(name) = &load else { return load };
    let below = name.trim_start_matches('.');
    let dots = name.len() - below.len();
    let package = arguments.iter().skip(1).find_map(|argument| match argument.kind() {
        "keyword_argument" => argument.child_by_field_name("value"),
        _ => Some(*argument),
    });
    let Some(package) = package.filter(|_| dots > 0).and_then(|package| literal(package, text)) else {
        return load;
    };
    let mut parts: Vec<&str> = package.split('.').collect();
    parts.truncate(parts.len().saturating_sub(dots - 1));
    parts.push(below);
    Load::Module(parts.join(".").into())
}

fn module(argument: Option<Node<'_>>, text: &str, line: u32) -> Load {
    let Some(argument) = argument else { return Load::Computed { line } };
    if let Some(name) = literal(argument, text) {
        return Load::Module(name.into());
    }
    let start = literal_start(argument, text).unwrap_or_default();
    match start.rsplit_once('.') {
        Some((package, _)) if !package.is_empty() => Load::Package(package.into()),
        _ => Load::Computed { line },
    }
}

fn file(argument: Option<Node<'_>>, text: &str, line: u32) -> Load {
    match argument.and_then(|argument| literal(argument, text)) {
        Some(path) => Load::File(path.into()),
        None => Load::Computed { line },
    }
}

/// Returns the text that a string literal stands for, where it has no interpolation and no escape.
fn literal(node: Node<'_>, text: &str) -> Option<String> {
    if node.kind() != "string" {
        return None;
    }
    let mut content = "";
    for (child, _) in children(node) {
        match child.kind() {
            "string_content" => content = text_of(child, text),
            "interpolation" => return None,
            _ => {}
        }
    }
    (!content.contains('\\')).then(|| content.to_owned())
}

/// Returns what a computed text surely begins with: `f"a.{b}"`, `"a." + b`, `"a.%s" % b`, `"a.{}".format(b)`.
fn literal_start(node: Node<'_>, text: &str) -> Option<String> {
    let mut node = node;
    for _ in 0..8 {
        match node.kind() {
            "string" => {
                let first = node.named_child(1).filter(|child| child.kind() == "string_content")?;
                let content = text_of(first, text);
                return content.split(['{', '%']).next().map(str::to_owned);
            }
            "binary_operator" => node = node.child_by_field_name("left")?,
            "call" => node = node.child_by_field_name("function")?,
            "attribute" => node = node.child_by_field_name("object")?,
            _ => return None,
        }
    }
    None
}

/// Returns the names with attributes in a text that stands for code: an annotation in quotes.
pub(super) fn paths_in_text(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
    words.filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

/// Returns names that a text mentions for code that reads it: `@limit` in a query, `f(x) ~ y` in a formula.
pub(super) fn names_in_text(text: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let name_at = |from: &'_ str| from.find(|c| !is_name(c)).unwrap_or(from.len());
    let mut found = Vec::new();
    for (at, _) in text.match_indices('@') {
        let after = &text[at + 1..];
        found.push(&after[..name_at(after)]);
    }
    if text.contains('~') && text.len() <= 2000 {
        found.extend(text.split(|c| !is_name(c)));
    }
    found.retain(|name| name.starts_with(|c: char| c.is_alphabetic() || c == '_'));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::python::facts_of;

    fn loads(source: &str) -> (bool, Vec<Load>) {
        let facts = facts_of(source.as_bytes());
        let statement = facts.statements.into_iter().next().unwrap();
        (statement.wide, statement.loads)
    }

    #[test]
    fn imports_by_text_are_followed_as_far_as_they_are_written() {
        for (call, load) in [
            ("importlib.import_module('a.b')", Load::Module("a.b".into())),
            ("import_module(f'a.b.{c}')", Load::Package("a.b".into())),
            ("import_module('a.' + b)", Load::Package("a".into())),
            ("import_module('a.%s' % b)", Load::Package("a".into())),
            ("import_module('a.{}'.format(b))", Load::Package("a".into())),
            ("import_module(name)", Load::Computed { line: 1 }),
            ("__import__('a')", Load::Module("a".into())),
            ("import_module('.b', 'a')", Load::Module("a.b".into())),
            ("import_module('..b', package='a.c')", Load::Module("a.b".into())),
            ("import_module('.b', __package__)", Load::Module(".b".into())),
            ("runpy.run_path('a.py')", Load::File("a.py".into())),
            ("importlib.util.spec_from_file_location('a', 'x/a.py')", Load::File("x/a.py".into())),
        ] {
            assert_eq!(loads(call), (false, vec![load]), "{call}");
        }
    }

    #[test]
    fn what_sees_every_name_is_wide_and_a_literal_attribute_is_not() {
        for wide in [
            "f = lambda: globals()[k]",
            "def f(): return eval(x)",
            "def f(m, k): return getattr(m, k)()",
            "def f(): return sys.modules[__name__]",
            "def f(): return Base.__subclasses__()",
            "x = vars()",
        ] {
            assert!(loads(wide).0, "{wide}");
        }
        for narrow in [
            "def f(m): return getattr(m, 'a', None)",
            "def f(): return df.eval('a')",
            "def f(x): return vars(x)",
        ] {
            assert!(!loads(narrow).0, "{narrow}");
        }
    }

    #[test]
    fn queries_and_formulas_mention_names() {
        assert_eq!(names_in_text("a > @limit and b < @ 3"), ["limit"]);
        assert_eq!(names_in_text("center(x) ~ z"), ["center", "x", "z"]);
        assert_eq!(names_in_text("plain text"), [""; 0]);
    }
}
