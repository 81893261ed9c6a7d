//! Python modules that are hard to find, and what importing them does: no edit goes unseen.

use super::hostile_python::seen;

#[test]
fn modules_that_are_hard_to_find() {
    seen(&[
        (
            "a lazy package",
            &[
                ("T.py", "import pkg\ndef T(): return pkg.m.f()"),
                (
                    "pkg/__init__.py",
                    "import importlib\ndef __getattr__(name): return importlib.import_module('.' + name, __name__)",
                ),
                ("pkg/m.py", "def f(): return 1"),
            ],
            ("pkg/m.py", "1", "2"),
        ),
        (
            "a lazy name",
            &[
                ("T.py", "from pkg import f\ndef T(): return f()"),
                (
                    "pkg/__init__.py",
                    "import importlib\nWHERE = {'f': '.m'}\ndef __getattr__(name): return getattr(importlib.import_module(WHERE[name], __package__), name)",
                ),
                ("pkg/m.py", "def f(): return 1"),
            ],
            ("pkg/m.py", "1", "2"),
        ),
        (
            "import_module with a dot",
            &[
                (
                    "pkg/T.py",
                    "import importlib\ndef T(): return importlib.import_module('.m', __package__).f()",
                ),
                ("pkg/__init__.py", ""),
                ("pkg/m.py", "def f(): return 1"),
            ],
            ("pkg/m.py", "1", "2"),
        ),
        (
            "import_module with a dot and a name",
            &[
                (
                    "T.py",
                    "import importlib\ndef T(): return importlib.import_module('.m', package='pkg').f()",
                ),
                ("pkg/__init__.py", ""),
                ("pkg/m.py", "def f(): return 1"),
            ],
            ("pkg/m.py", "1", "2"),
        ),
        (
            "import_module under another name",
            &[
                ("T.py", "from importlib import import_module as load\ndef T(): return load('pkg.m').f()"),
                ("pkg/m.py", "def f(): return 1"),
            ],
            ("pkg/m.py", "1", "2"),
        ),
        (
            "import_module of a constant",
            &[
                (
                    "T.py",
                    "import importlib\nNAME = 'pkg.m'\ndef T(): return importlib.import_module(NAME).f()",
                ),
                ("pkg/m.py", "def f(): return 1"),
            ],
            ("pkg/m.py", "1", "2"),
        ),
        (
            "import_module beside the package",
            &[
                (
                    "pkg/T.py",
                    "import importlib\ndef T(): return importlib.import_module(f'{__package__}.m').f()",
                ),
                ("pkg/__init__.py", ""),
                ("pkg/m.py", "def f(): return 1"),
            ],
            ("pkg/m.py", "1", "2"),
        ),
        (
            "import_module in another module",
            &[
                ("T.py", "from load import load\ndef T(): return load('m').f()"),
                ("load.py", "import importlib\ndef load(name): return importlib.import_module(name)"),
                ("m.py", "def f(): return 1"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "__import__",
            &[("T.py", "def T(): return __import__('m').f()"), ("m.py", "def f(): return 1")],
            ("m.py", "1", "2"),
        ),
        (
            "__import__ of a package",
            &[("T.py", "def T(): return __import__('pkg.m').m.f()"), ("pkg/m.py", "def f(): return 1")],
            ("pkg/m.py", "1", "2"),
        ),
        (
            "a module out of sys.modules",
            &[
                ("T.py", "import sys, pkg.m\ndef T(): return sys.modules['pkg.m'].f()"),
                ("pkg/m.py", "def f(): return 1"),
            ],
            ("pkg/m.py", "1", "2"),
        ),
        (
            "modules found by pkgutil",
            &[
                (
                    "T.py",
                    "import importlib, pkgutil, plugins\nfor one in pkgutil.iter_modules(plugins.__path__):\n  importlib.import_module('plugins.' + one.name)\ndef T(): return plugins.KNOWN",
                ),
                ("plugins/__init__.py", "KNOWN = {}"),
                ("plugins/a.py", "from plugins import KNOWN\nKNOWN['a'] = 1"),
            ],
            ("plugins/a.py", "1", "2"),
        ),
        (
            "a module loaded from a path",
            &[
                (
                    "T.py",
                    "import importlib.util\ndef T():\n  spec = importlib.util.spec_from_file_location('x', 'lib/x.py')\n  m = importlib.util.module_from_spec(spec)\n  spec.loader.exec_module(m)\n  return m.f()",
                ),
                ("lib/x.py", "def f(): return 1"),
            ],
            ("lib/x.py", "1", "2"),
        ),
        (
            "runpy",
            &[("T.py", "import runpy\ndef T(): return runpy.run_path('lib/x.py')"), ("lib/x.py", "A = 1")],
            ("lib/x.py", "1", "2"),
        ),
        (
            "runpy of a module",
            &[("T.py", "import runpy\ndef T(): return runpy.run_module('lib.x')"), ("lib/x.py", "A = 1")],
            ("lib/x.py", "1", "2"),
        ),
        (
            "exec of a file",
            &[("T.py", "def T():\n  exec(open('lib/x.py').read())"), ("lib/x.py", "A = 1")],
            ("lib/x.py", "1", "2"),
        ),
        (
            "eval of a module's function",
            &[("T.py", "import m\ndef T(): return eval('m.f()')"), ("m.py", "def f(): return 1")],
            ("m.py", "1", "2"),
        ),
        (
            "a package and a module of one name",
            &[
                ("T.py", "from m import f\ndef T(): return f()"),
                ("m.py", "def f(): return 0"),
                ("m/__init__.py", "def f(): return 1"),
            ],
            ("m/__init__.py", "1", "2"),
        ),
        (
            "a longer path of a package",
            &[
                ("T.py", "from pkg import x\ndef T(): return x.f()"),
                (
                    "pkg/__init__.py",
                    "import os\n__path__.append(os.path.join(os.path.dirname(__file__), '..', 'more'))",
                ),
                ("more/x.py", "def f(): return 1"),
            ],
            ("more/x.py", "1", "2"),
        ),
        (
            "relative beyond the script's package",
            &[
                ("a/b/c/T.py", "from ...lib.m import f\ndef T(): return f()"),
                ("a/__init__.py", ""),
                ("a/b/__init__.py", ""),
                ("a/b/c/__init__.py", ""),
                ("a/lib/__init__.py", ""),
                ("a/lib/m.py", "def f(): return 1"),
            ],
            ("a/lib/m.py", "1", "2"),
        ),
        (
            "namespace packages",
            &[("T.py", "import a.b.c.m as m\ndef T(): return m.f()"), ("a/b/c/m.py", "def f(): return 1")],
            ("a/b/c/m.py", "1", "2"),
        ),
        (
            "a submodule that another module imports",
            &[
                ("T.py", "import pkg, other\ndef T(): return pkg.m.f()"),
                ("pkg/__init__.py", ""),
                ("pkg/m.py", "def f(): return 1"),
                ("other.py", "import pkg.m"),
            ],
            ("pkg/m.py", "1", "2"),
        ),
        (
            "a submodule that the package imports",
            &[
                ("T.py", "import pkg\ndef T(): return pkg.m.f()"),
                ("pkg/__init__.py", "from . import m"),
                ("pkg/m.py", "def f(): return 1"),
            ],
            ("pkg/m.py", "1", "2"),
        ),
        (
            "attrgetter on a module",
            &[
                ("T.py", "import operator, m\nget = operator.attrgetter('f')\ndef T(): return get(m)()"),
                ("m.py", "def f(): return 1"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a module in a table",
            &[
                ("T.py", "import m, n\nTABLE = {'m': m, 'n': n}\ndef T(k): return TABLE[k].f()"),
                ("m.py", "def f(): return 1"),
                ("n.py", ""),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a module under a local name",
            &[("T.py", "import m\ndef T():\n  x = m\n  return x.f()"), ("m.py", "def f(): return 1")],
            ("m.py", "1", "2"),
        ),
        (
            "a module given back by a function",
            &[
                ("T.py", "def load():\n  import m\n  return m\ndef T(): return load().f()"),
                ("m.py", "def f(): return 1"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a module as an attribute",
            &[
                ("T.py", "import m\nclass A:\n  lib = m\ndef T(): return A.lib.f()"),
                ("m.py", "def f(): return 1"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "an import that hides behind except",
            &[
                ("T.py", "try:\n  import gone as m\nexcept ImportError:\n  import m\ndef T(): return m.f()"),
                ("m.py", "def f(): return 1"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a module that appears",
            &[(
                "T.py",
                "try:\n  from fast import f\nexcept ImportError:\n  def f(): return 1\ndef T(): return f()",
            )],
            ("fast.py", "", "def f(): return 2"),
        ),
        (
            "__all__ put together",
            &[
                ("T.py", "from pkg import *\ndef T(): return f()"),
                ("pkg/__init__.py", "from .m import *\nfrom . import m\n__all__ = []\n__all__ += m.__all__"),
                ("pkg/m.py", "__all__ = ['f']\ndef f(): return 1"),
            ],
            ("pkg/m.py", "return 1", "return 2"),
        ),
        (
            "a submodule that __all__ names",
            &[
                ("T.py", "from pkg import *\ndef T(): return m.f()"),
                ("pkg/__init__.py", "__all__ = ['m']"),
                ("pkg/m.py", "def f(): return 1"),
            ],
            ("pkg/m.py", "1", "2"),
        ),
        (
            "a helper program",
            &[
                (
                    "T.py",
                    "import subprocess, sys\ndef T(): subprocess.run([sys.executable, '-m', 'lib.x'], check=True)",
                ),
                ("lib/x.py", "A = 1"),
            ],
            ("lib/x.py", "1", "2"),
        ),
    ]);
}

#[test]
fn what_importing_does() {
    const TABLE: &str = "TABLE = {}\ndef add(key, value=None):\n  TABLE[key] = value\n  return value\n";
    let table = ("registry.py", TABLE);
    let user = "import m\nfrom registry import TABLE\ndef T(): return TABLE";
    let script = ("T.py", user);
    seen(&[
        (
            "an assignment that registers",
            &[script, table, ("m.py", "from registry import add\n_ = add('a', 1)")],
            ("m.py", "1", "2"),
        ),
        (
            "an assignment whose function registers",
            &[script, table, ("m.py", "import registry\ndef make(): registry.TABLE['a'] = 1\nx = make()")],
            ("m.py", "1", "2"),
        ),
        (
            "a default that registers",
            &[script, table, ("m.py", "from registry import add\ndef f(x=add('a', 1)): pass")],
            ("m.py", "1", "2"),
        ),
        (
            "an annotation that registers",
            &[script, table, ("m.py", "from registry import add\ndef f(x: add('a', 1)): pass")],
            ("m.py", "1", "2"),
        ),
        (
            "an annotated name that registers",
            &[script, table, ("m.py", "from registry import add\nx: add('a', 1) = 0")],
            ("m.py", "1", "2"),
        ),
        (
            "a comprehension that registers",
            &[script, table, ("m.py", "from registry import add\nx = [add(i, 1) for i in 'ab']")],
            ("m.py", "1", "2"),
        ),
        (
            "a text that registers",
            &[script, table, ("m.py", "from registry import add\nx = f\"{add('a', 1)}\"")],
            ("m.py", "1", "2"),
        ),
        (
            "a lambda that is called",
            &[script, table, ("m.py", "from registry import add\nx = (lambda: add('a', 1))()")],
            ("m.py", "1", "2"),
        ),
        (
            "a metaclass that registers",
            &[
                script,
                (
                    "registry.py",
                    "TABLE = {}\nclass Meta(type):\n  def __new__(m, name, bases, body):\n    c = super().__new__(m, name, bases, body)\n    TABLE[name] = c\n    return c\n",
                ),
                ("m.py", "from registry import Meta\nclass A(metaclass=Meta):\n  x = 1"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a base that registers",
            &[
                script,
                (
                    "registry.py",
                    "TABLE = []\nclass Base:\n  def __init_subclass__(cls, **k): TABLE.append(cls)\n",
                ),
                ("m.py", "from registry import Base\nclass A(Base):\n  x = 1"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a base's base that registers",
            &[
                script,
                (
                    "registry.py",
                    "TABLE = []\nclass Base:\n  def __init_subclass__(cls, **k): TABLE.append(cls)\n",
                ),
                ("n.py", "from registry import Base\nclass B(Base): pass"),
                ("m.py", "from n import B\nclass A(B):\n  x = 1"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a class decorator that registers",
            &[
                script,
                ("registry.py", "TABLE = []\ndef known(c):\n  TABLE.append(c)\n  return c\n"),
                ("m.py", "from registry import known\n@known\nclass A:\n  x = 1"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a field that registers itself",
            &[
                script,
                (
                    "registry.py",
                    "TABLE = []\nclass Field:\n  def __init__(self, v): self.v = v\n  def __set_name__(self, owner, name): TABLE.append(self.v)\n",
                ),
                ("m.py", "from registry import Field\nclass A:\n  x = Field(1)"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "an alias that is changed",
            &[("T.py", "X = []\nY = X\nY.append(1)\ndef T(): return X")],
            ("T.py", "1", "2"),
        ),
        (
            "an operator that registers",
            &[(
                "T.py",
                "class N:\n  after = []\n  def __rshift__(self, other): N.after.append(other); return other\na = N()\n_ = a >> 1\ndef T(): return N.after",
            )],
            ("T.py", ">> 1", ">> 2"),
        ),
        (
            "a subscript that registers",
            &[(
                "T.py",
                "class N:\n  seen = []\n  def __getitem__(self, key): N.seen.append(key)\na = N()\n_ = a[1]\ndef T(): return N.seen",
            )],
            ("T.py", "a[1]", "a[2]"),
        ),
        (
            "an attribute that registers",
            &[(
                "T.py",
                "class N:\n  seen = []\n  def __getattr__(self, key): N.seen.append(key)\na = N()\n_ = a.b\ndef T(): return N.seen",
            )],
            ("T.py", "a.b", "a.c"),
        ),
        (
            "a seed that is kept",
            &[("T.py", "import random\n_ = random.seed(1)\ndef T(): return random.random()")],
            ("T.py", "1", "2"),
        ),
        (
            "an option of a library",
            &[
                ("T.py", "import m\nimport pandas as pd\ndef T(): return pd.DataFrame()"),
                ("m.py", "import pandas as pd\npd.options.mode.copy_on_write = True"),
            ],
            ("m.py", "True", "False"),
        ),
        (
            "an option of a library by a call",
            &[
                ("T.py", "import m\nimport pandas as pd\ndef T(): return pd.DataFrame()"),
                ("m.py", "import pandas as pd\npd.set_option('x', 1)"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "an accessor registered with a library",
            &[
                ("T.py", "import m\nimport pandas as pd\ndef T(): return pd.DataFrame().geo.x"),
                (
                    "m.py",
                    "import pandas as pd\n@pd.api.extensions.register_dataframe_accessor('geo')\nclass Geo:\n  x = 1",
                ),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a method put on a library's class",
            &[
                ("T.py", "import m\nimport pandas as pd\ndef T(): return pd.DataFrame().clean()"),
                ("m.py", "import pandas as pd\ndef clean(self): return 1\npd.DataFrame.clean = clean"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "globals().update",
            &[("T.py", "def load(): return {'K': 1}\nglobals().update(load())\ndef T(): return K")],
            ("T.py", "1", "2"),
        ),
        (
            "setattr on the own module",
            &[("T.py", "import sys\nsetattr(sys.modules[__name__], 'K', 1)\ndef T(): return K")],
            ("T.py", "1", "2"),
        ),
        (
            "a name set into another module",
            &[("T.py", "import m, n\ndef T(): return m.K"), ("m.py", ""), ("n.py", "import m\nm.K = 1")],
            ("n.py", "1", "2"),
        ),
        (
            "a name set into another module by a function",
            &[
                ("T.py", "import m, n\nn.setup()\ndef T(): return m.K"),
                ("m.py", ""),
                ("n.py", "import m\ndef setup(): m.K = 1"),
            ],
            ("n.py", "1", "2"),
        ),
        (
            "a builtin that is replaced",
            &[
                ("T.py", "import m\ndef T(): return sum([1])"),
                ("m.py", "import builtins\ndef sum(x): return 1\nbuiltins.sum = sum"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a guard that registers",
            &[script, table, ("m.py", "from registry import add\nif add('a', 1): pass")],
            ("m.py", "1", "2"),
        ),
        (
            "an assert that registers",
            &[script, table, ("m.py", "from registry import add\nassert add('a', 1)")],
            ("m.py", "1", "2"),
        ),
        (
            "a try that registers",
            &[
                script,
                table,
                ("m.py", "from registry import add\ntry:\n  x = add('a', 1)\nexcept ValueError: pass"),
            ],
            ("m.py", "1", "2"),
        ),
        (
            "a deletion",
            &[("T.py", "K = {'a': 1, 'b': 2}\ndel K['a']\ndef T(): return K")],
            ("T.py", "del K['a']", "del K['b']"),
        ),
        (
            "a with that registers",
            &[
                script,
                table,
                (
                    "m.py",
                    "from registry import add\nimport contextlib\nwith contextlib.nullcontext(add('a', 1)): x = 1",
                ),
            ],
            ("m.py", "'a', 1", "'a', 2"),
        ),
    ]);
}
