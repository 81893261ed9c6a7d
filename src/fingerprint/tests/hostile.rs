//! Sources that nobody should write: the parsers end and never panic.

use proptest::prelude::*;

use super::Fixture;
use crate::fingerprint::{python, r};

/// Reads a source as both languages. A walk that is quadratic takes minutes, and the suite's own limit ends it.
fn ends(what: &str, source: &str) {
    eprintln!("{what}");
    python::facts_of(source.as_bytes());
    r::facts_of(source.as_bytes());
}

#[test]
fn deep_nesting_ends() {
    // Deep enough for any recursion to overflow a test's stack.
    let many = 8_000;
    for (what, start, middle, end) in [
        ("brackets", "(", "1", ")"),
        ("open brackets", "[{(", "", ""),
        ("calls", "f(", "x", ")"),
        ("attributes of calls", "", "a", ".b()"),
        ("attributes", "", "a", ".b"),
        ("lambdas", "lambda x: f(x, ", "y", ")"),
        ("lambdas with defaults", "lambda x=(", "y", "): x"),
        ("comprehensions", "[a for a in ", "b", "]"),
        ("R functions", "function(x) f(x, ", "y", ")"),
        ("R blocks", "{", "source(x)", "}"),
        ("unary minus", "-", "1", ""),
        ("quotes", "'\"", "", ""),
        ("assignments", "x = ", "1", ""),
        ("R assignments", "x <- ", "1", ""),
        ("pipes", "", "a", " |> f()"),
        ("paths", "source(file.path(", "'a'", ", 'b'))"),
        ("f-strings", "f\"{", "1", "}\""),
    ] {
        ends(what, &format!("{}{middle}{}\n", start.repeat(many), end.repeat(many)));
    }
}

#[test]
fn long_sources_end() {
    let many = 3_000;
    for (what, line) in [
        ("clauses of one comprehension", None),
        ("functions", Some("def f(a, b=1): return g(a)\n")),
        ("decorators", Some("@d(1)\n")),
        ("imports", Some("from a import b as c\n")),
        ("sources", Some("source(file.path('a', 'b.R'))\n")),
        ("variables", Some("x <- 'a'; source(x)\n")),
    ] {
        let source = match line {
            Some(line) => line.repeat(many),
            None => format!("x = [a{}]\n", " for a in b".repeat(many)),
        };
        ends(what, &source);
    }
    let nested: String = (0..800).map(|n| format!("{}def f{n}(x):\n", " ".repeat(n))).collect();
    ends("nested functions", &format!("{nested}{}return x\n", " ".repeat(800)));
}

#[test]
fn paths_that_multiply_are_computed_ones() {
    let choice = "c('a', 'b', 'c', 'd')";
    let source = format!("source(file.path({}))\n", [choice; 12].join(", "));
    let facts = r::facts_of(source.as_bytes());
    assert!(facts.sources.iter().all(|one| one.paths.is_empty()));
    let circle = "x <- file.path(y, 'a')\ny <- file.path(x, x, x, x)\nsource(x)\n";
    assert!(r::facts_of(circle.as_bytes()).sources[0].paths.is_empty());
}

#[test]
fn modules_that_import_each_other_for_ever_end() {
    let files: Vec<(String, String)> = (0..300)
        .map(|n| {
            (
                format!("m{n}.py"),
                format!("from m{} import *\nfrom m{} import f as g{n}\n", (n + 1) % 300, (n + 7) % 300),
            )
        })
        .collect();
    let mut all: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    all.push(("T.py", "from m0 import *\ndef T(): return f() + g5() + nowhere"));
    let fixture = Fixture::new("T.py", &all);
    assert!(!fixture.gather().code.is_empty());
}

/// Text made of pieces that mean something to a parser.
fn pieces() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "def f(",
        "class A",
        ":",
        "\n",
        "\n  ",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"\"\"",
        "f'{",
        "x",
        "=",
        "lambda ",
        "import a",
        "from . import b",
        "@d",
        "for x in ",
        "if ",
        "else",
        "#",
        "\\",
        "global x",
        "yield ",
        "*",
        "**",
        "source(",
        "here::here(",
        "<-",
        "|>",
        "function(x) ",
        "`",
        "%in%",
        "library(",
        "r\"(",
        ",",
        ";",
        "\r",
        "\0",
        "é",
    ]);
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(python::facts_of(&bytes), python::facts_of(&bytes));
        prop_assert_eq!(r::facts_of(&bytes), r::facts_of(&bytes));
    }

    #[test]
    fn any_pieces_are_read_and_line_ends_do_not_matter(text in pieces()) {
        let windows = text.replace('\r', "").replace('\n', "\r\n");
        let unix = text.replace('\r', "");
        prop_assert_eq!(python::facts_of(unix.as_bytes()), python::facts_of(windows.as_bytes()));
        prop_assert_eq!(r::facts_of(unix.as_bytes()), r::facts_of(windows.as_bytes()));
    }

    #[test]
    fn facts_survive_being_kept(text in pieces()) {
        let facts = python::facts_of(text.as_bytes());
        let kept = postcard::to_stdvec(&facts).unwrap();
        prop_assert_eq!(postcard::from_bytes::<python::Facts>(&kept).unwrap(), facts);
        let facts = r::facts_of(text.as_bytes());
        let kept = postcard::to_stdvec(&facts).unwrap();
        prop_assert_eq!(postcard::from_bytes::<r::Facts>(&kept).unwrap(), facts);
    }
}
