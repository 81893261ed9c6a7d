"""How the project's own code is imported.

Always from its source: Python believes a bytecode file whose source has the
same size and second, and would run what was there before the last edit. As a
member of its package where it is in one, else under a name of its own, so
that `A/run.py` and `C/run.py` do not collide. And where Python finds no
package called kptn, older projects find theirs (`kptn_worker_older`).
"""

import importlib
import importlib.machinery
import os
import sys

# Tells processes that the task starts what `Project.text` says.
VARIABLE = "KPTN_WORKER"

_STANDARD = os.path.dirname(os.__file__) + os.sep
_OLDER = ("kptn", "kptn.util", "kptn.util.pipeline_config", "kptn.util.runtime_config")


def below(path, folder):
    """Tells whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


class Project:
    """What counts as the project's own code, and where it is imported from."""

    def __init__(self, roots, files=()):
        self.roots = [os.path.realpath(root) for root in roots]
        # Made-up module names, and the file or folder that each stands for.
        self.files = dict(files)
        environments = {os.path.realpath(prefix) for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
        self.foreign = [prefix for prefix in environments if any(below(prefix, root) for root in self.roots)]
        self.looked_at = set()
        self.found = set()
        # The script that was loaded last, its module, its module's name, and `sys.path` after that.
        self.loaded = None

    @classmethod
    def from_text(cls, text):
        import json

        return cls(**json.loads(text))

    def text(self):
        import json

        return json.dumps({"roots": self.roots, "files": self.files})

    def owns(self, path):
        """Tells whether a file is the project's: below a root, and in no environment of packages."""
        if path.startswith(_STANDARD) or "site-packages" in path or "dist-packages" in path:
            return False
        path = os.path.realpath(path)
        return any(below(path, root) for root in self.roots) and not any(below(path, env) for env in self.foreign)

    def install(self):
        """Makes imports follow it, here and in Python processes that are started from here."""
        project = self
        loader = importlib.machinery.SourceFileLoader
        usual = loader.path_stats

        def path_stats(self, path):
            # Without it, the loader neither reads nor writes bytecode.
            if project.owns(path):
                raise OSError("project code is read from its source")
            return usual(self, path)

        loader.path_stats = path_stats
        sys.meta_path.insert(0, self)
        # Last, so only where there is no real one.
        sys.meta_path.append(_OlderProjects)
        os.environ[VARIABLE] = self.text()

    def find_spec(self, name, path=None, target=None):
        file = self.files.get(name)
        if file is None:
            return None
        if os.path.isdir(file):
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [file]
            return spec
        loader = importlib.machinery.SourceFileLoader(name, file)
        spec = importlib.machinery.ModuleSpec(name, loader, origin=file)
        spec.has_location = True
        return spec

    def load(self, script):
        """Imports a script, once, and returns its module."""
        if self.loaded is not None:
            known, module, name, path = self.loaded
            # As long as nobody took it away or changed where modules are looked for.
            if known == script and sys.modules.get(name) is module and sys.path == path:
                return module
        module = self._load(script)
        self.loaded = script, module, module.__name__, list(sys.path)
        return module

    def _load(self, script):
        folder, file = os.path.split(script)
        for entry in reversed([folder] + self.roots):
            if entry not in sys.path:
                sys.path.insert(0, entry)
        return self._as_member(script) or importlib.import_module(self._name_for(script))

    def _as_member(self, script):
        """Imports it as a member of its package; None where it is in none, or another has its name."""
        folder, file = os.path.split(script)
        names = [os.path.splitext(file)[0]]
        while os.path.isfile(os.path.join(folder, "__init__.py")):
            folder, name = os.path.split(folder)
            names.insert(0, name)
        if len(names) == 1 or not all(name.isidentifier() for name in names):
            return None
        taken = sys.modules.get(names[0])
        if taken is not None and not below(os.path.realpath(getattr(taken, "__file__", None) or ""), os.path.realpath(folder)):
            return None
        if folder not in sys.path:
            sys.path.insert(0, folder)
        module = importlib.import_module(".".join(names[:-1] if names[-1] == "__init__" else names))
        same = os.path.realpath(getattr(module, "__file__", None) or "") == os.path.realpath(script)
        return module if same else None

    def _name_for(self, script):
        """Makes up a module name that no other file has, the same wherever the project lies."""
        real, (folder, file) = os.path.realpath(script), os.path.split(script)
        root = next((root for root in self.roots if below(real, root)), folder)
        relative = os.path.splitext(os.path.relpath(real, root).replace(os.sep, "/"))[0]
        package = "kptn_file_" + "".join(c if c.isalnum() else "_%x_" % ord(c) for c in relative)
        name = package + "." + "".join(c if c.isalnum() else "_" for c in os.path.splitext(file)[0])
        # The package is the script's folder, so `from .helpers import x` works there too.
        self.files.update({package: folder, name: script})
        os.environ[VARIABLE] = self.text()
        return name

    def imported(self):
        """Returns the project's files that were imported since this was asked last."""
        if len(sys.modules) == len(self.looked_at):
            return []
        new = sys.modules.keys() - self.looked_at
        self.looked_at |= new
        files = (getattr(sys.modules.get(name), "__file__", None) for name in new)
        found = {os.path.realpath(file) for file in files if isinstance(file, str) and self.owns(file)} - self.found
        self.found |= found
        return sorted(found)


class _OlderProjects:
    """Supplies `kptn.util.pipeline_config` and `kptn.util.runtime_config`."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in _OLDER:
            return importlib.machinery.ModuleSpec(name, _OlderProjects, is_package=name in _OLDER[:2])
        return None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        # `kptn_worker_call` has imported it; its folder is out of sight.
        sys.modules["kptn_worker_older"].fill(module)
