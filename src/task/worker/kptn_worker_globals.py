"""Puts back what an item changed in the project's own modules.

An item's outputs are kept under the item's value, so they must not depend on
which items its process ran before. Each module is pictured when its import is
over: what each of its names, and each name of its classes, stands for, and
what its lists, dictionaries and sets hold. After each item whatever differs is
put back. What cannot be put back (a generator of random numbers that was drawn
from, a large list that grew or shrank) is told, and the process takes no other
item. What is inside other objects is not looked at.
"""

import importlib.machinery
import itertools
import operator
import sys
import types

# Elements of one container, with those nested in it, that are pictured; above, its length is.
MOST_ELEMENTS = 10_000

_ABSENT = object()
_same = operator.is_


def _are(now, before):
    """Tells whether two sequences hold the very same objects."""
    return len(now) == len(before) and all(map(_same, now, before))


class Globals:
    """What the project's modules held when their imports were over."""

    def __init__(self, project):
        self.project, self.names, self.contents, self.streams = project, {}, {}, {}
        # Modules whose import goes on or is over but not pictured; what an item had changed before they came.
        self.importing, self.imported, self.before = 0, [], (set(), set())

    def install(self):
        """Pictures each of the project's modules from now on, when the outermost import is over."""
        loader, kept = importlib.machinery.SourceFileLoader, self
        usual = loader.exec_module

        def exec_module(self, module):
            if not kept.project.owns(getattr(module, "__file__", None) or ""):
                return usual(self, module)
            if not kept.importing:
                kept.before = kept._changed()
            kept.importing += 1
            kept.imported.append(module)
            try:
                return usual(self, module)
            finally:
                kept.importing -= 1
                if not kept.importing:
                    kept._picture()

        loader.exec_module = exec_module

    def _changed(self):
        """Lists the pictures that an item has made untrue; an import in the middle of it must not bless those."""
        names = {key for key, (_, space, before) in self.names.items() if not _are(space.values(), before.values())}
        return names, {key for key, content in self.contents.items() if not content.is_same()}

    def _picture(self):
        """Pictures the modules that came, and what their import did to others (a registry, a counter)."""
        modules, self.imported = self.imported, []
        names, contents = self.before
        for owner, space, _ in [self.names[key] for key in self.names if key not in names]:
            self._picture_space(owner, space, contents)
        for module in modules:
            self._picture_space(module, vars(module), contents)
            for value in list(vars(module).values()):
                if isinstance(value, type) and value.__module__ == module.__name__:
                    self._picture_space(value, vars(value), contents)

    def _picture_space(self, owner, space, untrue):
        before = dict(space)
        self.names[id(owner)] = owner, space, before
        for name, value in before.items():
            if name.startswith("__"):
                continue
            content = _picture_of(value)
            if content is not None and id(value) not in untrue:
                self.contents[id(value)] = content

    def put_back(self):
        """Puts everything back that differs; False where something cannot be."""
        whole = True
        for content in self.contents.values():
            if not content.is_same():
                whole = content.put_back() and whole
        for owner, space, before in self.names.values():
            if not _are(space.values(), before.values()):
                _put_back_names(owner, space, before)
        return whole


def _put_back_names(owner, space, before):
    for name in set(itertools.chain(space, before)):
        value, wanted = space.get(name, _ABSENT), before.get(name, _ABSENT)
        # A package gets a member's name when the member's import is over.
        if value is wanted or isinstance(value, types.ModuleType) and wanted is _ABSENT:
            continue
        try:
            if wanted is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, wanted)
        except (AttributeError, TypeError):
            pass  # What a class made of itself and does not let go of.


def _picture_of(value):
    """Pictures what a value holds; None for one that holds nothing that could change unseen."""
    if isinstance(value, (list, dict, set, bytearray)) or type(value).__name__ == "deque" and hasattr(value, "rotate"):
        content = _Content(value)
        return content if content.size <= MOST_ELEMENTS else _Length(value)
    if _is_stream(value):
        return _Stream(value)
    return None


class _Content:
    """What a container holds, and what the containers in it do."""

    def __init__(self, holder, outer=()):
        self.holder, self.nested = holder, []
        self.size = len(holder)
        if self.size > MOST_ELEMENTS:
            return
        self.keys = list(holder) if isinstance(holder, dict) else None
        self.values = set(holder) if isinstance(holder, set) else list(holder.values() if self.keys is not None else holder)
        if isinstance(holder, (set, bytearray)):
            return
        outer = outer + (id(holder),)
        for value in self.values:
            if isinstance(value, (list, dict, set, bytearray)) and id(value) not in outer and self.size <= MOST_ELEMENTS:
                inner = _Content(value, outer)
                self.size += inner.size
                self.nested.append(inner)

    def is_same(self):
        holder = self.holder
        if self.keys is not None:
            same = _are(holder.values(), self.values) and _are(holder, self.keys)
        elif isinstance(holder, set):
            same = holder == self.values
        else:
            same = _are(holder, self.values)
        return same and all(inner.is_same() for inner in self.nested)

    def put_back(self):
        if self.keys is not None:
            self.holder.clear()
            for key, value in zip(self.keys, self.values):
                self.holder[key] = value
        elif isinstance(self.holder, (list, bytearray)):
            self.holder[:] = self.values
        else:
            self.holder.clear()
            (self.holder.update if isinstance(self.holder, set) else self.holder.extend)(self.values)
        for inner in self.nested:
            inner.put_back()
        return True


class _Length:
    """How much a container holds that is too large to be looked at for each item."""

    def __init__(self, holder):
        self.holder, self.length = holder, len(holder)

    def is_same(self):
        return len(self.holder) == self.length

    def put_back(self):
        return False


def _is_stream(value):
    random, numpy = sys.modules.get("random"), sys.modules.get("numpy.random")
    return (random is not None and isinstance(value, random.Random)) or (
        numpy is not None and isinstance(value, (numpy.Generator, numpy.RandomState))
    )


class _Stream:
    """Where a generator of random numbers stood: whether it was seeded nobody can tell, so it stays as it is."""

    def __init__(self, holder):
        self.holder = holder
        self.state = self._now()

    def _now(self):
        if hasattr(self.holder, "getstate"):
            return self.holder.getstate()
        if hasattr(self.holder, "bit_generator"):
            return repr(self.holder.bit_generator.state)
        return repr(self.holder.get_state())

    def is_same(self):
        return self._now() == self.state

    def put_back(self):
        return False
