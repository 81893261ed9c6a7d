//! Edits of Python code that must be seen, and those that must not.

use super::{Edit, Fixture, Row, check_edits};
use crate::model::IngredientKind;

const SEEN: Edit = Edit::Seen;
const UNSEEN: Edit = Edit::Unseen;

/// Edits of the script itself.
fn in_script(rows: &[(&str, &str, &str, Edit)]) {
    for (what, before, after, expected) in rows {
        check_edits(&[Row {
            what,
            script: "T.py",
            files: &[("T.py", before)],
            edit: ("T.py", after),
            expected: *expected,
        }]);
    }
}

#[test]
fn edits_of_the_script() {
    in_script(&[
        ("the body", "def T(): return 1", "def T(): return 2", SEEN),
        ("a constant", "LIMIT = 1\ndef T(): return LIMIT", "LIMIT = 2\ndef T(): return LIMIT", SEEN),
        (
            "a helper",
            "def h(): return 1\ndef T(): return h()",
            "def h(): return 2\ndef T(): return h()",
            SEEN,
        ),
        (
            "a helper's helper",
            "def g(): return 1\ndef h(): return g()\ndef T(): return h()",
            "def g(): return 2\ndef h(): return g()\ndef T(): return h()",
            SEEN,
        ),
        (
            "a class's method",
            "class A:\n  def m(self): return 1\ndef T(): return A().m()",
            "class A:\n  def m(self): return 2\ndef T(): return A().m()",
            SEEN,
        ),
        (
            "a base class's method",
            "class B:\n  def m(self): return 1\nclass A(B): pass\ndef T(): return A().m()",
            "class B:\n  def m(self): return 2\nclass A(B): pass\ndef T(): return A().m()",
            SEEN,
        ),
        (
            "a decorator",
            "def d(f):\n  return f\n@d\ndef T(): return 1",
            "def d(f):\n  return lambda: f() + 1\n@d\ndef T(): return 1",
            SEEN,
        ),
        (
            "a callback passed by name",
            "def c(x): return x\ndef T(): return list(map(c, [1]))",
            "def c(x): return -x\ndef T(): return list(map(c, [1]))",
            SEEN,
        ),
        (
            "a dispatch table's function",
            "def a(): return 1\nTABLE = {'a': a}\ndef T(k='a'): return TABLE[k]()",
            "def a(): return 2\nTABLE = {'a': a}\ndef T(k='a'): return TABLE[k]()",
            SEEN,
        ),
        (
            "a table filled by a statement",
            "def a(): return 1\nTABLE = {}\nTABLE['a'] = a\ndef T(k='a'): return TABLE[k]()",
            "def a(): return 2\nTABLE = {}\nTABLE['a'] = a\ndef T(k='a'): return TABLE[k]()",
            SEEN,
        ),
        (
            "a table filled by a decorator",
            "TABLE = {}\ndef add(f):\n  TABLE[f.__name__] = f\n  return f\n@add\ndef a(): return 1\ndef T(k): return TABLE[k]()",
            "TABLE = {}\ndef add(f):\n  TABLE[f.__name__] = f\n  return f\n@add\ndef a(): return 2\ndef T(k): return TABLE[k]()",
            SEEN,
        ),
        (
            "a subclass that registers itself",
            "class R:\n  known = []\n  def __init_subclass__(cls): R.known.append(cls)\nclass A(R):\n  x = 1\ndef T(): return R.known",
            "class R:\n  known = []\n  def __init_subclass__(cls): R.known.append(cls)\nclass A(R):\n  x = 2\ndef T(): return R.known",
            SEEN,
        ),
        (
            "a subclass found by __subclasses__",
            "class R: pass\nclass A(R):\n  x = 1\ndef T(): return R.__subclasses__()",
            "class R: pass\nclass A(R):\n  x = 2\ndef T(): return R.__subclasses__()",
            SEEN,
        ),
        ("a default value", "D = 1\ndef T(x=D): return x", "D = 2\ndef T(x=D): return x", SEEN),
        (
            "a name of a parameter used as its default",
            "x = 1\ndef T(x=x): return x",
            "x = 2\ndef T(x=x): return x",
            SEEN,
        ),
        (
            "a conditional definition",
            "if 1:\n  def h(): return 1\nelse:\n  h = None\ndef T(): return h()",
            "if 1:\n  def h(): return 2\nelse:\n  h = None\ndef T(): return h()",
            SEEN,
        ),
        (
            "a top-level effect",
            "import os\nos.environ['A'] = '1'\ndef T(): return 1",
            "import os\nos.environ['A'] = '2'\ndef T(): return 1",
            SEEN,
        ),
        (
            "what a top-level effect calls",
            "def setup(): return 1\nsetup()\ndef T(): return 1",
            "def setup(): return 2\nsetup()\ndef T(): return 1",
            SEEN,
        ),
        (
            "a global set in another function",
            "def init():\n  global C\n  C = 1\ndef T():\n  init()\n  return C",
            "def init():\n  global C\n  C = 2\ndef T():\n  init()\n  return C",
            SEEN,
        ),
        (
            "a name found through globals()",
            "def a(): return 1\ndef T(k): return globals()[k]()",
            "def a(): return 2\ndef T(k): return globals()[k]()",
            SEEN,
        ),
        (
            "a name found through getattr on the module",
            "import sys\ndef a(): return 1\ndef T(k): return getattr(sys.modules[__name__], k)()",
            "import sys\ndef a(): return 2\ndef T(k): return getattr(sys.modules[__name__], k)()",
            SEEN,
        ),
        (
            "a constant used in a query",
            "LIMIT = 1\ndef T(df): return df.query('x > @LIMIT')",
            "LIMIT = 2\ndef T(df): return df.query('x > @LIMIT')",
            SEEN,
        ),
        (
            "which outside function a name is",
            "from math import floor as f\ndef T(): return f(1.5)",
            "from math import ceil as f\ndef T(): return f(1.5)",
            SEEN,
        ),
        (
            "two imported names changed over",
            "from math import floor as f, ceil as g\ndef T(): return f(1.5) - g(0.5)",
            "from math import ceil as f, floor as g\ndef T(): return f(1.5) - g(0.5)",
            SEEN,
        ),
        (
            "the order of statements with effects",
            "X = []\nX.append(1)\nX.append(2)\ndef T(): return X",
            "X = []\nX.append(2)\nX.append(1)\ndef T(): return X",
            SEEN,
        ),
        (
            "a name bound before and after an effect",
            "X = 1\nprint(X)\nX = 2\ndef T(): return X",
            "X = 1\nX = 2\nprint(X)\ndef T(): return X",
            SEEN,
        ),
        (
            "a __future__ import",
            "def T(x: int): return 1",
            "from __future__ import annotations\ndef T(x: int): return 1",
            SEEN,
        ),
        ("a comment", "def T():\n  return 1", "# why\ndef T():  # so\n  # because\n  return 1", UNSEEN),
        ("blank lines", "X = 1\ndef T():\n  return X", "\n\nX = 1\n\n\ndef T():\n\n  return X\n\n", UNSEEN),
        (
            "reformatting",
            "def T(a = 1,b = 'x'):\n  return {'a':[a,b]}",
            "def T(\n    a=1,\n    b=\"x\",\n):\n    return {\n        \"a\": [a, b],\n    }",
            UNSEEN,
        ),
        (
            "an unrelated function",
            "def u(): return 1\ndef T(): return 1",
            "def u(): return 2\ndef T(): return 1",
            UNSEEN,
        ),
        ("a new unrelated function", "def T(): return 1", "def T(): return 1\ndef u(): return 2", UNSEEN),
        ("an unrelated constant", "U = 1\ndef T(): return 1", "U = 2\ndef T(): return 1", UNSEEN),
        (
            "an unrelated function with a wrapping decorator",
            "import functools\ndef timed(f):\n  @functools.wraps(f)\n  def inner(*a): return f(*a)\n  return inner\n@timed\ndef u(): return 1\ndef T(): return 1",
            "import functools\ndef timed(f):\n  @functools.wraps(f)\n  def inner(*a): return f(*a)\n  return inner\n@timed\ndef u(): return 2\ndef T(): return 1",
            UNSEEN,
        ),
        (
            "an unrelated cached function",
            "from functools import lru_cache\n@lru_cache\ndef u(): return 1\ndef T(): return 1",
            "from functools import lru_cache\n@lru_cache\ndef u(): return 2\ndef T(): return 1",
            UNSEEN,
        ),
        (
            "a function of the name of a local",
            "def df(): return 1\ndef T():\n  df = 3\n  return df",
            "def df(): return 2\ndef T():\n  df = 3\n  return df",
            UNSEEN,
        ),
        (
            "the main guard",
            "def T(): return 1",
            "def T(): return 1\nif __name__ == '__main__':\n  T()",
            UNSEEN,
        ),
        ("line ends", "def T():\n  return 1\n", "def T():\r\n  return 1\r\n", UNSEEN),
        ("a byte order mark", "def T():\n  return 1\n", "\u{feff}def T():\n  return 1\n", UNSEEN),
        ("an unused import", "import json\ndef T(): return 1", "import json, re\ndef T(): return 1", UNSEEN),
        ("broken code", "def T(): return 1\ndef u(:\n", "def T(): return 1\ndef u(:\n#\n", SEEN),
    ]);
}

/// What is edited, the script that uses it, the other files, the edit, and whether it is seen.
type InModule<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], (&'a str, &'a str), Edit);

fn in_module(rows: &[InModule]) {
    for (what, script, files, edit, expected) in rows {
        let mut all = vec![("tasks/T.py", *script)];
        all.extend(files.iter().copied());
        check_edits(&[Row { what, script: "tasks/T.py", files: &all, edit: *edit, expected: *expected }]);
    }
}

const F1: &str = "def f(): return 1\ndef g(): return 1\n";
const F2: &str = "def f(): return 2\ndef g(): return 1\n";
const G2: &str = "def f(): return 1\ndef g(): return 2\n";

#[test]
fn edits_of_modules() {
    in_module(&[
        ("from m import f", "from m import f\ndef T(): return f()", &[("m.py", F1)], ("m.py", F2), SEEN),
        (
            "from m import f, g edited",
            "from m import f\ndef T(): return f()",
            &[("m.py", F1)],
            ("m.py", G2),
            UNSEEN,
        ),
        ("import m; m.f()", "import m\ndef T(): return m.f()", &[("m.py", F1)], ("m.py", F2), SEEN),
        (
            "import m; m.f(), g edited",
            "import m\ndef T(): return m.f()",
            &[("m.py", F1)],
            ("m.py", G2),
            UNSEEN,
        ),
        ("import m as n", "import m as n\ndef T(): return n.f()", &[("m.py", F1)], ("m.py", F2), SEEN),
        (
            "from pkg import m; m.f()",
            "from pkg import m\ndef T(): return m.f()",
            &[("pkg/__init__.py", ""), ("pkg/m.py", F1)],
            ("pkg/m.py", F2),
            SEEN,
        ),
        (
            "from pkg import m; m.f(), g edited",
            "from pkg import m\ndef T(): return m.f()",
            &[("pkg/__init__.py", ""), ("pkg/m.py", F1)],
            ("pkg/m.py", G2),
            UNSEEN,
        ),
        (
            "a package without __init__.py",
            "import pkg.m\ndef T(): return pkg.m.f()",
            &[("pkg/m.py", F1)],
            ("pkg/m.py", F2),
            SEEN,
        ),
        (
            "import a.b.c",
            "import a.b.c\ndef T(): return a.b.c.f()",
            &[("a/__init__.py", ""), ("a/b/__init__.py", ""), ("a/b/c.py", F1)],
            ("a/b/c.py", F2),
            SEEN,
        ),
        (
            "a relative import",
            "from .m import f\ndef T(): return f()",
            &[("tasks/__init__.py", ""), ("tasks/m.py", F1)],
            ("tasks/m.py", F2),
            SEEN,
        ),
        (
            "from . import m",
            "from . import m\ndef T(): return m.f()",
            &[("tasks/__init__.py", ""), ("tasks/m.py", F1)],
            ("tasks/m.py", F2),
            SEEN,
        ),
        (
            "from .. import",
            "from ..lib.m import f\ndef T(): return f()",
            &[("lib/m.py", F1)],
            ("lib/m.py", F2),
            SEEN,
        ),
        (
            "a module beside the script",
            "import m\ndef T(): return m.f()",
            &[("tasks/m.py", F1)],
            ("tasks/m.py", F2),
            SEEN,
        ),
        ("a module in src", "import m\ndef T(): return m.f()", &[("src/m.py", F1)], ("src/m.py", F2), SEEN),
        ("import *", "from m import *\ndef T(): return f()", &[("m.py", F1)], ("m.py", F2), SEEN),
        ("import *, g edited", "from m import *\ndef T(): return f()", &[("m.py", F1)], ("m.py", G2), UNSEEN),
        (
            "import * of import *",
            "from m import *\ndef T(): return f()",
            &[("m.py", "from n import *"), ("n.py", F1)],
            ("n.py", F2),
            SEEN,
        ),
        (
            "import * in a circle",
            "from m import *\ndef T(): return f()",
            &[
                ("m.py", "from n import *\ndef a(): return print(1)"),
                ("n.py", "from m import *\nfrom o import *"),
                ("o.py", F1),
            ],
            ("o.py", F2),
            SEEN,
        ),
        (
            "a re-export in __init__.py",
            "from pkg import f\ndef T(): return f()",
            &[("pkg/__init__.py", "from .m import f"), ("pkg/m.py", F1)],
            ("pkg/m.py", F2),
            SEEN,
        ),
        (
            "a re-export under another name",
            "import pkg\ndef T(): return pkg.h()",
            &[("pkg/__init__.py", "from .m import f as h"), ("pkg/m.py", F1)],
            ("pkg/m.py", F2),
            SEEN,
        ),
        (
            "what __init__.py re-exports and nobody uses",
            "from pkg import f\ndef T(): return f()",
            &[("pkg/__init__.py", "from .m import f\nfrom .n import g"), ("pkg/m.py", F1), ("pkg/n.py", F1)],
            ("pkg/n.py", G2),
            UNSEEN,
        ),
        (
            "which function __init__.py re-exports",
            "from pkg import f\ndef T(): return f()",
            &[("pkg/__init__.py", "from .m import f"), ("pkg/m.py", F1)],
            ("pkg/__init__.py", "from .m import g as f"),
            SEEN,
        ),
        (
            "a sibling task that __init__.py names",
            "def T(): return 1",
            &[
                ("tasks/__init__.py", "from .T import T\nfrom .C import C"),
                ("tasks/C.py", "def C(): return 1"),
            ],
            ("tasks/C.py", "X = 2\ndef C(): return X"),
            UNSEEN,
        ),
        (
            "an effect of a sibling that __init__.py imports",
            "import os\ndef T(): return os.environ['A']",
            &[
                ("tasks/__init__.py", "from .C import C"),
                ("tasks/C.py", "import os\nos.environ['A'] = '1'\ndef C(): pass"),
            ],
            ("tasks/C.py", "import os\nos.environ['A'] = '2'\ndef C(): pass"),
            SEEN,
        ),
        (
            "an inherited method in another file",
            "from m import A\ndef T(): return A().m()",
            &[("m.py", "from n import B\nclass A(B): pass"), ("n.py", "class B:\n  def m(self): return 1")],
            ("n.py", "class B:\n  def m(self): return 2"),
            SEEN,
        ),
        (
            "a decorator in another file",
            "from m import d\n@d\ndef T(): return 1",
            &[("m.py", "def d(f): return f")],
            ("m.py", "def d(f): return lambda: 2"),
            SEEN,
        ),
        (
            "an import in a function",
            "def T():\n  from m import f\n  return f()",
            &[("m.py", F1)],
            ("m.py", F2),
            SEEN,
        ),
        (
            "an import in a function, with attribute",
            "def T():\n  import m as n\n  return n.f()",
            &[("m.py", F1)],
            ("m.py", F2),
            SEEN,
        ),
        (
            "an import in try",
            "try:\n  from fast import f\nexcept ImportError:\n  from slow import f\ndef T(): return f()",
            &[("fast.py", F1), ("slow.py", F1)],
            ("slow.py", F2),
            SEEN,
        ),
        (
            "an import in if",
            "import sys\nif sys.version_info > (3,):\n  import m as q\nelse:\n  q = None\ndef T(): return q.f()",
            &[("m.py", F1)],
            ("m.py", F2),
            SEEN,
        ),
        (
            "a module passed as a value",
            "import m\ndef T(): return run(m)",
            &[("m.py", F1)],
            ("m.py", F2),
            SEEN,
        ),
        (
            "getattr on a module",
            "import m\ndef T(k): return getattr(m, k)()",
            &[("m.py", F1)],
            ("m.py", F2),
            SEEN,
        ),
        (
            "import_module with a text",
            "import importlib\ndef T(): return importlib.import_module('pkg.m').f()",
            &[("pkg/m.py", F1)],
            ("pkg/m.py", F2),
            SEEN,
        ),
        (
            "import_module with a package's name in front",
            "import importlib\ndef T(k): return importlib.import_module(f'pkg.{k}').f()",
            &[("pkg/m.py", F1)],
            ("pkg/m.py", F2),
            SEEN,
        ),
        (
            "an import for its effect",
            "import m\ndef T(): return 1",
            &[("m.py", "import n"), ("n.py", "print(1)")],
            ("n.py", "print(2)"),
            SEEN,
        ),
        (
            "a handler registered by an imported module",
            "import handlers\nfrom registry import TABLE\ndef T(k): return TABLE[k]()",
            &[
                (
                    "registry.py",
                    "TABLE = {}\ndef add(name):\n  def inner(f):\n    TABLE[name] = f\n    return f\n  return inner",
                ),
                ("handlers.py", "from registry import add\n@add('a')\ndef a(): return 1"),
            ],
            ("handlers.py", "from registry import add\n@add('a')\ndef a(): return 2"),
            SEEN,
        ),
        (
            "a folder put on sys.path by code",
            "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'other', 'lib'))\nfrom m import f\ndef T(): return f()",
            &[("other/lib/m.py", "from n import g\ndef f(): return g()"), ("other/lib/n.py", F1)],
            ("other/lib/n.py", G2),
            SEEN,
        ),
        (
            "a module that hides one from outside",
            "import statistics\ndef T(): return statistics.mean([1])",
            &[("m.py", "")],
            ("tasks/statistics.py", "def mean(x): return 0"),
            SEEN,
        ),
        (
            "a module's __getattr__",
            "import m\ndef T(): return m.anything",
            &[("m.py", "def __getattr__(name): return 1")],
            ("m.py", "def __getattr__(name): return 2"),
            SEEN,
        ),
        (
            "an unrelated module",
            "from m import f\ndef T(): return f()",
            &[("m.py", F1), ("n.py", F1)],
            ("n.py", F2),
            UNSEEN,
        ),
        (
            "a new module beside it",
            "from m import f\ndef T(): return f()",
            &[("m.py", F1)],
            ("tasks/n.py", F2),
            UNSEEN,
        ),
        (
            "a comment in a module",
            "from m import f\ndef T(): return f()",
            &[("m.py", F1)],
            ("m.py", "# what it does\ndef f():\n    # and why\n    return 1\n\n\ndef g(): return 1\n"),
            UNSEEN,
        ),
        (
            "a compiled module",
            "import m\ndef T(): return m.f()",
            &[("m.abi3.so", "1")],
            ("m.abi3.so", "2"),
            SEEN,
        ),
    ]);
}

#[test]
fn the_same_body_with_another_closure_differs() {
    let one = Fixture::new("T.py", &[("T.py", "from m import f\ndef T(): return f()"), ("m.py", F1)]);
    let other = Fixture::new("T.py", &[("T.py", "from n import f\ndef T(): return f()"), ("n.py", F1)]);
    assert_ne!(one.fingerprint(), other.fingerprint());
}

#[test]
fn moving_the_script_changes_nothing() {
    let files = [("lib/m.py", F1), ("lib/__init__.py", "")];
    let script = "from lib.m import f\nX = 1\ndef h(): return X\ndef T(): return f() + h()";
    let one = Fixture::new("a/T.py", &[&files[..], &[("a/T.py", script)]].concat());
    let other = Fixture::new("b/c/T.py", &[&files[..], &[("b/c/T.py", script)]].concat());
    assert_eq!(one.fingerprint(), other.fingerprint());
}

#[test]
fn code_is_named_by_modules_and_names() {
    let files = [
        ("T.py", "import pkg.m\nX = 1\nprint(X)\ndef T(): return pkg.m.f()"),
        ("pkg/__init__.py", "print(1)"),
        ("pkg/m.py", "class A: pass\ndef f(): return A()"),
    ];
    let fixture = Fixture::new("T.py", &files);
    assert_eq!(
        fixture.names(IngredientKind::Code),
        ["pkg (top level)", "pkg.m.A", "pkg.m.f", "script (top level)", "script.T", "script.X"]
    );
    let gathered = fixture.gather();
    let part = gathered.code.iter().find(|part| part.name == "pkg.m.f").unwrap();
    assert_eq!((part.file.as_str(), part.line, part.text.as_ref()), ("pkg/m.py", 2, "def f(): return A()"));
}

#[test]
fn much_of_one_module_is_one_part() {
    let functions: String = (0..100).map(|n| format!("def f{n}(): return {n}\n")).collect();
    let calls: String = (0..100).map(|n| format!("f{n}(),")).collect();
    let script = format!("from m import *\ndef T(): return [{calls}]");
    let fixture = Fixture::new("T.py", &[("T.py", &script), ("m.py", &functions)]);
    assert_eq!(fixture.names(IngredientKind::Code), ["m", "script.T"]);
    let before = fixture.fingerprint();
    fixture.write("m.py", functions.replace("return 77", "return 78"));
    assert_ne!(fixture.fingerprint(), before);
}

#[test]
fn a_missing_function_makes_the_task_uncacheable() {
    let gathered = Fixture::new("T.py", &[("T.py", "def other(): pass")]).gather();
    assert!(
        gathered.uncacheable[0].starts_with("function `T` was not found in"),
        "{:?}",
        gathered.uncacheable
    );
}

#[test]
fn a_computed_import_is_said_unless_it_is_declared() {
    let script = "import importlib\ndef T(k):\n  return importlib.import_module(k)";
    let mut fixture = Fixture::new("T.py", &[("T.py", script), ("plug/a.py", "")]);
    let notes = fixture.gather().notes;
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].location.map(|location| location.line), Some(3));
    fixture.task.inputs = vec![crate::model::Input::Files(super::template("plug/*.py"))];
    assert_eq!(fixture.gather().notes, []);
}

#[test]
fn files_that_were_read_are_listed() {
    let files = [("T.py", "from m import f\ndef T(): return f()"), ("m.py", F1), ("n.py", F1)];
    let fixture = Fixture::new("T.py", &files);
    let gathered = fixture.gather();
    let names: Vec<String> =
        gathered.files.iter().map(|path| super::relative(path, &fixture.root())).collect();
    assert_eq!(names, ["T.py", "m.py"]);
}

#[test]
fn functions_that_compute_config_values_count_where_the_value_is_taken() {
    let files = [
        ("T.py", "def T(engine): return engine"),
        ("db.py", "def connect(url): return url\ndef other(): return 1"),
    ];
    let mut fixture = Fixture::new("T.py", &files);
    fixture.config.insert("engine".into(), serde_json::json!({"$function": "db:connect"}));
    fixture.config.insert("url".into(), "a".into());
    fixture.config.insert("unused".into(), "a".into());
    let before = fixture.fingerprint();
    assert_eq!(fixture.names(IngredientKind::Config), ["engine", "url"]);
    fixture.config.insert("unused".into(), "b".into());
    fixture.write("db.py", "def connect(url): return url\ndef other(): return 2");
    assert_eq!(fixture.fingerprint(), before);
    fixture.write("db.py", "def connect(url): return url + url\ndef other(): return 2");
    assert_ne!(fixture.fingerprint(), before);
    fixture.config.insert("engine".into(), serde_json::json!({"$function": "db:disconnect"}));
    assert_eq!(
        fixture.gather().uncacheable,
        ["function `db:disconnect`, which computes `engine`, was not found"]
    );
}
