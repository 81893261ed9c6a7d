//! Edits of a Python script that must be seen, and those that must not.

use super::{Edit, Row, check_edits};

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
