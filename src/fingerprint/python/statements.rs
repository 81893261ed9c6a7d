//! A source cut into its top-level statements.

use tree_sitter::Node;

use crate::fingerprint::syntax::{children, parse, text_of};
use crate::model::Digest;

use super::facts::{Exports, Facts, Function, Kind, Parsed, Statement};
use super::names::{self, Names};
use super::{decorators, signature, tokens};

/// Reads a whole source; absent where the parser gives up.
pub(super) fn read(text: &str, bytes: Digest, trusted: bool) -> Option<Facts> {
    let tree = parse(&tree_sitter_python::LANGUAGE.into(), text)?;
    let root = tree.root_node();
    let mut facts = Facts {
        bytes,
        parsed: if root.has_error() || !trusted { Parsed::WithErrors } else { Parsed::Yes },
        statements: Vec::new(),
        exports: Exports::Public,
    };
    for (node, _) in children(root) {
        if !node.is_named() || node.kind() == "comment" || is_main_guard(node, text) {
            continue;
        }
        let (statement, odd) = statement(node, text, facts.statements.is_empty());
        if odd {
            facts.parsed = Parsed::WithErrors;
        }
        if statement.binds.iter().any(|name| name.as_ref() == "__all__")
            || statement.effect && statement.mentions.iter().any(|path| path.starts_with("__all__"))
        {
            facts.exports = match facts.exports {
                Exports::Public => exports(node, text),
                _ => Exports::Any,
            };
        }
        facts.statements.push(statement);
    }
    Some(facts)
}

/// Returns a statement, and whether it has names that can't be compared as they are written.
fn statement(node: Node<'_>, text: &str, first: bool) -> (Statement, bool) {
    let names = names::read(node, text);
    let odd = names.odd;
    let kind = kind(node, text, &names);
    let mut binds: Vec<Box<str>> = names.binds.into_iter().collect();
    if first && is_text(node) {
        binds.push("__doc__".into());
    }
    let statement = Statement {
        kind,
        line: node.start_position().row as u32 + 1,
        start: node.start_byte() as u32,
        end: node.end_byte() as u32,
        tokens: tokens::digest(node, text),
        source: Digest::of(text_of(node, text).as_bytes()),
        binds,
        mentions: names.mentions.into_iter().collect(),
        imports: names.imports,
        effect: names.effect,
        runs: names.runs,
        wide: names.wide,
        loads: names.loads,
    };
    (statement, odd)
}

fn kind(node: Node<'_>, text: &str, names: &Names) -> Kind {
    let definition = match node.kind() {
        "decorated_definition" => node.child_by_field_name("definition").unwrap_or(node),
        _ => node,
    };
    match definition.kind() {
        "function_definition" => Kind::Function(Box::new(Function {
            signature: signature::of(definition, text, definition.id() != node.id()),
            lets_go: decorators::lets_go(definition, text, 0),
            lets_go_called: decorators::lets_go(definition, text, 1),
        })),
        "class_definition" => Kind::Class { hooks: names.hooks },
        "import_statement" | "import_from_statement" => Kind::Import,
        _ => Kind::Other,
    }
}

fn is_text(node: Node<'_>) -> bool {
    node.kind() == "expression_statement"
        && node.named_child(0).is_some_and(|child| matches!(child.kind(), "string" | "concatenated_string"))
}

/// `if __name__ == "__main__":` without an `else` never runs here: kptn imports the module.
fn is_main_guard(node: Node<'_>, text: &str) -> bool {
    if node.kind() != "if_statement" || node.child_by_field_name("alternative").is_some() {
        return false;
    }
    let Some(condition) = node.child_by_field_name("condition") else { return false };
    let words: String = text_of(condition, text).split_whitespace().collect::<String>().replace('\'', "\"");
    let words = words.trim_start_matches('(').trim_end_matches(')');
    words == "__name__==\"__main__\"" || words == "\"__main__\"==__name__"
}

/// Reads `__all__ = ["a", "b"]`.
fn exports(node: Node<'_>, text: &str) -> Exports {
    let assignment = node.named_child(0).filter(|child| child.kind() == "assignment");
    let list = assignment
        .and_then(|assignment| assignment.child_by_field_name("right"))
        .filter(|right| matches!(right.kind(), "list" | "tuple"));
    let Some(list) = list else { return Exports::Any };
    let mut names = Vec::new();
    for (child, _) in children(list).into_iter().filter(|(child, _)| child.is_named()) {
        match child.kind() {
            "comment" => {}
            "string" => match child.named_child(1).filter(|content| content.kind() == "string_content") {
                Some(content) => names.push(text_of(content, text).into()),
                None => return Exports::Any,
            },
            _ => return Exports::Any,
        }
    }
    Exports::Listed(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::python::facts_of;

    fn facts(source: &str) -> Facts {
        facts_of(source.as_bytes())
    }

    fn only(source: &str) -> Statement {
        let facts = facts(source);
        assert_eq!(facts.statements.len(), 1, "{source}");
        facts.statements.into_iter().next().unwrap()
    }

    fn mentions(source: &str) -> Vec<String> {
        only(source).mentions.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn mentions_follow_the_scopes() {
        for (source, expected) in [
            ("def f(a, b=c): return a + b + d", &["c", "d"][..]),
            ("def f(x=x): return x", &["x"]),
            ("def f():\n  y = 1\n  return y + z", &["z"]),
            ("def f():\n  global y\n  y = 1\n  return y", &["y"]),
            ("def f():\n  def g(): return v\n  v = 1\n  return g", &[]),
            ("def f():\n  x = 1\n  def g():\n    global x\n    return x", &["x"]),
            ("def f(): return [a for a in b if a]", &["b"]),
            ("def f(): return [a for a in a]", &["a"]),
            ("def f(k): return sorted(k, key=lambda r: r.x + q)", &["q", "sorted"]),
            ("@m.d(e)\ndef f(a: T) -> U: pass", &["T", "U", "e", "m.d"]),
            ("class A(B.C):\n  x = y\n  def m(self): return self.x + w", &["B.C", "w", "y"]),
            ("class A:\n  n = 1\n  def m(self): return n", &["n"]),
            ("def f():\n  a.b.c(k=v)", &["a.b.c", "v"]),
            ("def f(p):\n  p.q.r = s", &["s"]),
            ("def f():\n  for i, (j, *k) in t: i(j, k)", &["t"]),
            ("def f():\n  with o(n) as h, b: h", &["b", "n", "o"]),
            ("def f():\n  try: pass\n  except E as e: e", &["E"]),
            ("def f():\n  if (n := g()): n", &["g"]),
            ("def f(x):\n  match x:\n    case P.Q: pass\n    case R(y=z): pass", &["P.Q", "R", "z"]),
            ("def f(d): return d.query('a > @LIMIT')", &["LIMIT"]),
            ("x = {'a': f, 'b': m.g}", &["f", "m.g"]),
            ("def f():\n  from a import b\n  return b()", &["b"]),
            ("def f(): return f'{v!r:>{w}}'", &["v", "w"]),
            ("def f(*args, **kw): return args, kw", &[]),
            ("async def f():\n  async for a in b: await c(a)", &["b", "c"]),
        ] {
            assert_eq!(mentions(source), expected, "{source}");
        }
    }

    #[test]
    fn binds_are_those_of_the_module() {
        for (source, expected) in [
            ("x = y = 1", &["x", "y"][..]),
            ("(a, [b, *c]), d.e = z", &["a", "b", "c"]),
            ("def f(a):\n  global g\n  g = a", &["f", "g"]),
            ("class A:\n  b = 1", &["A"]),
            ("if p:\n  def f(): pass\nelse:\n  g = 1", &["f", "g"]),
            ("for i in j: k = i", &["i", "k"]),
            ("with o() as h: pass", &["h"]),
            ("x: int = 1", &["x"]),
            ("type A = int", &["A"]),
        ] {
            let binds: Vec<String> = only(source).binds.iter().map(ToString::to_string).collect();
            assert_eq!(binds, expected, "{source}");
        }
    }

    fn may_have_effect(source: &str) -> bool {
        let statement = only(source);
        statement.effect || !statement.runs.is_empty()
    }

    #[test]
    fn statements_that_do_something_are_told_from_definitions() {
        for effect in
            ["f()", "X[1] = 2", "x.y = 1", "with a: pass", "X += 1", "for i in j: f(i)", "del x", "assert x"]
        {
            assert!(only(effect).effect, "{effect}");
        }
        for quiet in
            ["x = 1", "def f(): g()", "class A:\n  def m(self): g()", "x = lambda: f()", "'text'", "import a"]
        {
            assert!(!may_have_effect(quiet), "{quiet}");
        }
        for may in
            ["x = f()", "@d\ndef f(): pass", "class A(B): pass", "def f(a=g()): pass", "class A:\n  x = g()"]
        {
            assert!(!only(may).effect && may_have_effect(may), "{may}");
        }
    }

    #[test]
    fn the_main_guard_is_left_out_and_all_is_read() {
        assert!(facts("if __name__ == '__main__':\n  f()").statements.is_empty());
        assert_eq!(facts("if __name__ == '__main__':\n  f()\nelse:\n  g()").statements.len(), 1);
        assert_eq!(facts("__all__ = ['a', \"b\"]").exports, Exports::Listed(vec!["a".into(), "b".into()]));
        assert_eq!(facts("__all__ = ['a']\n__all__ += c").exports, Exports::Any);
        assert_eq!(facts("x = 1").exports, Exports::Public);
    }

    #[test]
    fn broken_and_foreign_bytes_are_said_to_be_so() {
        assert_eq!(facts("def f(:\n").parsed, Parsed::WithErrors);
        assert_eq!(facts_of(b"x = '\xe9'").parsed, Parsed::WithErrors);
        assert_eq!(facts("# -*- coding: latin-1 -*-\nx = 1").parsed, Parsed::WithErrors);
        assert_eq!(facts_of(b"x = '\xe9'\nimport a").statements.len(), 2);
        assert_eq!(facts("# -*- coding: utf-8 -*-\nx = 1").parsed, Parsed::Yes);
        assert_eq!(facts("x = 1\r\n").bytes, facts("\u{feff}x = 1\n").bytes);
    }
}
