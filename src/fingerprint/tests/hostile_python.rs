//! Python that hides what it uses: no edit that could change a task goes unseen.

use super::Fixture;
use crate::fingerprint::fingerprint;

/// What is edited, all files (the first holds the task), and the edit: a path, what is replaced, and by what.
pub(super) type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], (&'a str, &'a str, &'a str));

/// Every edit is seen; all that are not are listed.
pub(super) fn seen(cases: &[Case]) {
    let mut unseen = Vec::new();
    for (what, files, (path, old, new)) in cases {
        let fixture = Fixture::new(files[0].0, files);
        let before = fixture.gather();
        let text = files.iter().find(|(name, _)| name == path).map_or("", |(_, text)| text);
        assert!(old.is_empty() || text.contains(old), "{what}: nothing to replace");
        fixture.write(path, if old.is_empty() { (*new).to_owned() } else { text.replacen(old, new, 1) });
        let after = fixture.gather();
        // What can't be followed is said, and a task whose code can't be read has no fingerprint to be fresh by.
        let said = !before.notes.is_empty() || !before.uncacheable.is_empty();
        if fingerprint(&before.ingredients) == fingerprint(&after.ingredients) && !said {
            unseen.push(format!("{what}: {:?}", fixture.names(crate::model::IngredientKind::Code)));
        }
    }
    assert!(unseen.is_empty(), "not seen:\n{}", unseen.join("\n"));
}

#[test]
fn what_stands_behind_a_name() {
    seen(&[
        (
            "a dataclass's default",
            &[
                ("T.py", "from m import A\ndef T(): return A().x"),
                ("m.py", "from dataclasses import dataclass\n@dataclass\nclass A:\n  x: int = 1"),
            ],
            ("m.py", "= 1", "= 2"),
        ),
        (
            "a dataclass's factory",
            &[
                ("T.py", "from m import A\ndef T(): return A().x"),
                (
                    "m.py",
                    "from dataclasses import dataclass, field\ndef make(): return [1]\n@dataclass\nclass A:\n  x: list = field(default_factory=make)",
                ),
            ],
            ("m.py", "[1]", "[2]"),
        ),
        (
            "a partial",
            &[
                ("T.py", "from m import P\ndef T(): return P()"),
                ("m.py", "import functools\nfrom n import f\nP = functools.partial(f, 1)"),
                ("n.py", "def f(x): return x"),
            ],
            ("n.py", "return x", "return -x"),
        ),
        (
            "a partial's argument",
            &[
                ("T.py", "from m import P\ndef T(): return P()"),
                ("m.py", "from functools import partial\ndef f(x): return x\nP = partial(f, 1)"),
            ],
            ("m.py", "f, 1", "f, 2"),
        ),
        (
            "a constant in a decorator's argument",
            &[
                ("T.py", "from m import d\nimport k\n@d(k.LIMIT)\ndef T(): return 1"),
                ("m.py", "def d(n):\n  def inner(f): return lambda: f() + n\n  return inner"),
                ("k.py", "LIMIT = 1"),
            ],
            ("k.py", "1", "2"),
        ),
        (
            "a function kept by a class attribute",
            &[
                ("T.py", "from m import A\ndef T(): return A.h()"),
                ("m.py", "from n import h\nclass A:\n  h = staticmethod(h)"),
                ("n.py", "def h(): return 1"),
            ],
            ("n.py", "1", "2"),
        ),
        (
            "a class attribute set from outside",
            &[
                ("T.py", "from m import A\nimport patch\ndef T(): return A.x"),
                ("m.py", "class A:\n  x = 1"),
                ("patch.py", "import m\nm.A.x = 2"),
            ],
            ("patch.py", "2", "3"),
        ),
        (
            "a function replaced from outside",
            &[
                ("T.py", "import m, patch\ndef T(): return m.f()"),
                ("m.py", "def f(): return 1"),
                ("patch.py", "import m\ndef g(): return 2\nm.f = g"),
            ],
            ("patch.py", "2", "3"),
        ),
        (
            "a class's metaclass",
            &[
                ("T.py", "from m import A\ndef T(): return A.x"),
                ("m.py", "from n import M\nclass A(metaclass=M): pass"),
                ("n.py", "class M(type):\n  x = 1"),
            ],
            ("n.py", "1", "2"),
        ),
        (
            "a mixin in another file",
            &[
                ("T.py", "from m import A\ndef T(): return A().f()"),
                ("m.py", "from n import B, C\nclass A(B, C): pass"),
                ("n.py", "class B: pass\nclass C:\n  def f(self): return 1"),
            ],
            ("n.py", "1", "2"),
        ),
        (
            "an attribute of a function",
            &[("T.py", "from m import f\ndef T(): return f.limit"), ("m.py", "def f(): pass\nf.limit = 1")],
            ("m.py", "1", "2"),
        ),
        (
            "a lambda's default",
            &[("T.py", "from m import f\ndef T(): return f()"), ("m.py", "K = 1\nf = lambda k=K: k")],
            ("m.py", "1", "2"),
        ),
        (
            "a keyword's default from a module",
            &[("T.py", "import m\ndef T(*, k=m.K): return k"), ("m.py", "K = 1")],
            ("m.py", "1", "2"),
        ),
        (
            "an enumeration",
            &[
                ("T.py", "from m import E\ndef T(): return E.A.value"),
                ("m.py", "import enum\nclass E(enum.Enum):\n  A = 1"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a named tuple's default",
            &[
                ("T.py", "from m import P\ndef T(): return P()"),
                ("m.py", "from typing import NamedTuple\nclass P(NamedTuple):\n  a: int = 1"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a variant of a singledispatch",
            &[
                ("T.py", "from m import f\ndef T(): return f(1)"),
                (
                    "m.py",
                    "from functools import singledispatch\n@singledispatch\ndef f(x): return 0\n@f.register(int)\ndef _(x): return 1\n@f.register(str)\ndef _(x): return 'a'",
                ),
            ],
            ("m.py", "return 1", "return 2"),
        ),
        (
            "a variant of a singledispatch elsewhere",
            &[
                ("T.py", "from m import f\nimport n\ndef T(): return f(1)"),
                ("m.py", "from functools import singledispatch\n@singledispatch\ndef f(x): return 0"),
                ("n.py", "from m import f\n@f.register\ndef _(x: int): return 1"),
            ],
            ("n.py", "return 1", "return 2"),
        ),
        (
            "a class of a pattern",
            &[
                ("T.py", "from m import P\ndef T(x):\n  match x:\n    case P(a): return a"),
                ("m.py", "class P:\n  __match_args__ = ('x',)"),
            ],
            ("m.py", "'x'", "'y'"),
        ),
        (
            "a value of a pattern",
            &[("T.py", "import m\ndef T(x):\n  match x:\n    case m.K: return 1"), ("m.py", "K = 1")],
            ("m.py", "1", "2"),
        ),
        (
            "a guard of a pattern",
            &[(
                "T.py",
                "def g(x): return x > 1\ndef T(x):\n  match x:\n    case {'a': [y, *_]} if g(y): return 1",
            )],
            ("T.py", "x > 1", "x > 2"),
        ),
        ("a walrus at the top", &[("T.py", "print(N := 1)\ndef T(): return N")], ("T.py", "1", "2")),
        (
            "a walrus in a comprehension",
            &[("T.py", "def g(x): return x\nX = [(y := g(1)) for _ in range(1)]\ndef T(): return y")],
            ("T.py", "return x", "return -x"),
        ),
        (
            "a type alias",
            &[
                (
                    "T.py",
                    "from m import Row\nfrom pydantic import TypeAdapter\ndef T(x): return TypeAdapter(Row).validate(x)",
                ),
                ("m.py", "type Row = dict[str, int]"),
            ],
            ("m.py", "int", "str"),
        ),
        (
            "an annotation",
            &[
                (
                    "T.py",
                    "from m import Row\nfrom pydantic import validate_call\n@validate_call\ndef T(x: Row): return x",
                ),
                ("m.py", "class Row:\n  a: int"),
            ],
            ("m.py", "int", "str"),
        ),
        (
            "an annotation in quotes",
            &[
                (
                    "T.py",
                    "from m import Row\nfrom pydantic import validate_call\n@validate_call\ndef T(x: 'list[Row]'): return x",
                ),
                ("m.py", "class Row:\n  a: int"),
            ],
            ("m.py", "int", "str"),
        ),
        (
            "a chain of assignments",
            &[("T.py", "def h(): return 1\nf = g = h\ndef T(): return g()")],
            ("T.py", "1", "2"),
        ),
        ("a starred target", &[("T.py", "A, (B, *C) = 1, (2, 3)\ndef T(): return C")], ("T.py", "3", "4")),
        ("an augmented assignment", &[("T.py", "X = 1\nX += 2\ndef T(): return X")], ("T.py", "2", "3")),
        (
            "a name bound by a loop",
            &[("T.py", "for K in (1, 2): pass\ndef T(): return K")],
            ("T.py", "2", "3"),
        ),
        (
            "a name bound by with",
            &[("T.py", "import contextlib\nwith contextlib.nullcontext(1) as K: pass\ndef T(): return K")],
            ("T.py", "1", "2"),
        ),
        (
            "a name bound by a match",
            &[("T.py", "match [1]:\n  case [K]: pass\ndef T(): return K")],
            ("T.py", "1", "2"),
        ),
        (
            "a name bound by except",
            &[("T.py", "try:\n  K = 1 / 0\nexcept ZeroDivisionError:\n  K = 1\ndef T(): return K")],
            ("T.py", "K = 1\n", "K = 2\n"),
        ),
        (
            "a name that builtins have too",
            &[("T.py", "def T(): return sum([1])")],
            ("T.py", "def T", "def sum(x): return 0\ndef T"),
        ),
        (
            "a builtin's name in a star import",
            &[("T.py", "from m import *\ndef T(): return sum([1])"), ("m.py", "X = 1")],
            ("m.py", "X = 1", "def sum(x): return 0"),
        ),
        (
            "which of two star imports is last",
            &[
                ("T.py", "from m import *\nfrom n import *\ndef T(): return f()"),
                ("m.py", "def f(): return 1"),
                ("n.py", "__all__ = ['g']\ndef f(): return 2\ndef g(): pass"),
            ],
            ("n.py", "['g']", "['f', 'g']"),
        ),
        (
            "an underscored name in __all__",
            &[
                ("T.py", "from m import *\ndef T(): return _f()"),
                ("m.py", "__all__ = ['_f']\ndef _f(): return 1"),
            ],
            ("m.py", "return 1", "return 2"),
        ),
        (
            "a name that NFKC makes equal",
            &[("T.py", "def \u{fb01}(): return 1\ndef T(): return fi()")],
            ("T.py", "1", "2"),
        ),
        ("a nested f-string", &[("T.py", "W = 1\ndef T(x): return f'{x!r:>{W}}'")], ("T.py", "1", "2")),
        (
            "an exception's class",
            &[
                ("T.py", "import m\ndef T():\n  try: f()\n  except m.E: return 1"),
                ("m.py", "class E(ValueError): pass"),
            ],
            ("m.py", "ValueError", "KeyError"),
        ),
        (
            "a coroutine",
            &[
                ("T.py", "import asyncio\nfrom m import f\ndef T(): return asyncio.run(f())"),
                ("m.py", "async def f(): return await g()\nasync def g(): return 1"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "circular imports",
            &[
                ("T.py", "from a import f\ndef T(): return f()"),
                ("a.py", "import b\ndef f(): return b.g()\ndef h(): return 1"),
                ("b.py", "import a\ndef g(): return a.h()"),
            ],
            ("a.py", "1", "2"),
        ),
        (
            "the last of two definitions",
            &[("T.py", "def f(): return 1\ndef f(): return 2\ndef T(): return f()")],
            ("T.py", "def f(): return 1\ndef f(): return 2", "def f(): return 2\ndef f(): return 1"),
        ),
        (
            "a property of a class in a class",
            &[
                ("T.py", "from m import A\ndef T(): return A.B().p"),
                ("m.py", "from n import h\nclass A:\n  class B:\n    @property\n    def p(self): return h()"),
                ("n.py", "def h(): return 1"),
            ],
            ("n.py", "1", "2"),
        ),
        (
            "a generic base",
            &[
                ("T.py", "from m import A\ndef T(): return A().f()"),
                ("m.py", "from n import B\nclass A(B[int]): pass"),
                ("n.py", "class B:\n  def __class_getitem__(cls, x): return cls\n  def f(self): return 1"),
            ],
            ("n.py", "return 1", "return 2"),
        ),
        (
            "a class body that loops",
            &[
                ("T.py", "from m import A\ndef T(): return A.x"),
                ("m.py", "from n import h\nclass A:\n  for i in range(2): x = h(i)"),
                ("n.py", "def h(i): return i"),
            ],
            ("n.py", "return i", "return -i"),
        ),
        (
            "a parameter of a new generic function",
            &[
                (
                    "T.py",
                    "from m import B\ndef f[X: B](x: X) -> X: return x\ndef T(): return f.__type_params__",
                ),
                ("m.py", "class B: x = 1"),
            ],
            ("m.py", "1", "2"),
        ),
    ]);
}
