//! Whether a decorator lets go of what it decorates.
//!
//! `@timed` wraps a function and hands it back; `@register` puts it into a
//! table, from where code may call it that never mentions its name. The second
//! kind makes every decorated function count as soon as its module is imported.
//! A decorator is of the first kind only where each use of what it is given is
//! known to keep nothing.

use std::collections::HashSet;

use tree_sitter::Node;

use crate::fingerprint::syntax::{Below, Visitor, children, text_of, walk};

/// Functions that look at an argument and keep nothing.
const LOOKS_ONLY: [&str; 12] = [
    "wraps",
    "update_wrapper",
    "partial",
    "signature",
    "iscoroutinefunction",
    "isfunction",
    "isclass",
    "callable",
    "isinstance",
    "getattr",
    "hasattr",
    "repr",
];

/// Tells whether a function, used as `@f` (`calls` 0) or as `@f(…)` (`calls` 1), keeps nothing of
/// what it is given.
pub(super) fn lets_go(function: Node<'_>, text: &str, calls: usize) -> bool {
    let mut given = Given { text, calls, functions: Vec::new(), names: HashSet::new() };
    walk(function, &mut given);
    let mut uses = Uses { text, names: given.names, kept: false };
    walk(function, &mut uses);
    !uses.kept
}

/// Finds the names that hold what is decorated, or a function around it.
struct Given<'s> {
    text: &'s str,
    calls: usize,
    functions: Vec<usize>,
    names: HashSet<&'s str>,
}

impl<'t> Visitor<'t> for Given<'_> {
    fn enter(&mut self, node: Node<'t>, _field: Option<&'t str>, parents: &[Node<'t>]) -> Below {
        let nested = self.functions.len();
        match node.kind() {
            "function_definition" => {
                if nested > 0
                    && let Some(name) = node.child_by_field_name("name")
                {
                    self.names.insert(text_of(name, self.text));
                }
                if nested <= self.calls
                    && let Some(parameters) = node.child_by_field_name("parameters")
                {
                    self.names.extend(parameter_names(parameters, self.text));
                }
                self.functions.push(parents.len());
            }
            "class_definition" => {
                if let Some(name) = node.child_by_field_name("name") {
                    self.names.insert(text_of(name, self.text));
                }
            }
            _ => {}
        }
        Below::Enter
    }

    fn leave(&mut self, _node: Node<'t>, depth: usize) {
        if self.functions.last() == Some(&depth) {
            self.functions.pop();
        }
    }
}

fn parameter_names<'s>(parameters: Node<'_>, text: &'s str) -> Vec<&'s str> {
    let mut names = Vec::new();
    for (parameter, _) in children(parameters) {
        let name = match parameter.kind() {
            "default_parameter" | "typed_default_parameter" => parameter.child_by_field_name("name"),
            "identifier" => Some(parameter),
            _ => parameter.named_child(0),
        };
        let name = name.map(|name| name.named_child(0).unwrap_or(name));
        names.extend(name.filter(|name| name.kind() == "identifier").map(|name| text_of(name, text)));
    }
    names
}

/// Looks at every use of those names.
struct Uses<'s> {
    text: &'s str,
    names: HashSet<&'s str>,
    kept: bool,
}

impl<'t> Visitor<'t> for Uses<'_> {
    fn enter(&mut self, node: Node<'t>, field: Option<&'t str>, parents: &[Node<'t>]) -> Below {
        match node.kind() {
            "global_statement" | "nonlocal_statement" => self.kept = true,
            "identifier" if self.names.contains(text_of(node, self.text)) => {
                self.kept |= !is_harmless(field, parents, self.text);
            }
            _ => {}
        }
        if self.kept { Below::Skip } else { Below::Enter }
    }

    fn leave(&mut self, _node: Node<'t>, _depth: usize) {}
}

fn is_harmless(field: Option<&str>, parents: &[Node<'_>], text: &str) -> bool {
    let Some(parent) = parents.last() else { return false };
    match parent.kind() {
        "function_definition" | "class_definition" => field == Some("name"),
        "parameters"
        | "lambda_parameters"
        | "list_splat_pattern"
        | "dictionary_splat_pattern"
        | "return_statement"
        | "comparison_operator"
        | "not_operator"
        | "if_statement"
        | "typed_parameter" => true,
        "default_parameter" | "typed_default_parameter" | "keyword_argument" => field == Some("name"),
        "call" => field == Some("function"),
        // `f.name` is read; `x.f` is another name.
        "attribute" => true,
        "argument_list" => {
            let call = parents.iter().rev().nth(1).and_then(|call| call.child_by_field_name("function"));
            let name = call.map(|function| text_of(function, text)).unwrap_or_default();
            LOOKS_ONLY.contains(&name.rsplit('.').next().unwrap_or(name))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::fingerprint::python::facts::Kind;
    use crate::fingerprint::python::facts_of;

    fn lets_go(source: &str) -> (bool, bool) {
        match &facts_of(source.as_bytes()).statements[0].kind {
            Kind::Function(function) => (function.lets_go, function.lets_go_called),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wrapper_lets_go_and_a_registry_keeps() {
        let timed = "def timed(f):\n  @functools.wraps(f)\n  def inner(*a, **k):\n    t = time()\n    log(f.__name__, t)\n    return f(*a, **k)\n  return inner";
        assert!(lets_go(timed).0);
        let called = "def retry(n):\n  def wrap(f):\n    @wraps(f)\n    def inner(*a):\n      for _ in range(3): f(*a)\n    return inner\n  return wrap";
        assert!(lets_go(called).1);
        for kept in [
            "def register(f):\n  TABLE[f.__name__] = f\n  return f",
            "def register(f):\n  HOOKS.append(f)\n  return f",
            "def register(f):\n  global LAST\n  LAST = f\n  return f",
            "def register(f):\n  g = f\n  return g",
            "def register(f):\n  def inner(): return f()\n  T['x'] = inner\n  return inner",
        ] {
            assert!(!lets_go(kept).0, "{kept}");
        }
        let called = "def register(name):\n  def wrap(f):\n    TABLE[name] = f\n    return f\n  return wrap";
        assert!(!lets_go(called).1);
    }
}
