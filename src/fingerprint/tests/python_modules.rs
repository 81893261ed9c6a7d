//! Edits of Python modules that a script imports: those that must be seen, and those that must not.

use super::{Edit, Row, check_edits};

const SEEN: Edit = Edit::Seen;
const UNSEEN: Edit = Edit::Unseen;

const F1: &str = "def f(): return 1\ndef g(): return 1\n";
const F2: &str = "def f(): return 2\ndef g(): return 1\n";
const G2: &str = "def f(): return 1\ndef g(): return 2\n";

/// What is edited, the script that uses it, the other files, the edit, and whether it is seen.
type InModule<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], (&'a str, &'a str), Edit);

fn in_module(rows: &[InModule]) {
    for (what, script, files, edit, expected) in rows {
        let mut all = vec![("tasks/T.py", *script)];
        all.extend(files.iter().copied());
        check_edits(&[Row { what, script: "tasks/T.py", files: &all, edit: *edit, expected: *expected }]);
    }
}

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
