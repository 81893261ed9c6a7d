"""What a task returned, as JSON. What would not come back as it was is refused."""

import json
import os

from kptn_worker_project import below


class NotJson(Exception):
    """A value that would not come back from JSON as it was."""

    def __init__(self, place, found):
        super().__init__("%s: %s" % (place or "the result", found))


class Plain:
    """Turns what a function returned into what JSON can say.

    Stay as they are: None, bool, int (64 bits), finite float, str, and lists and
    dicts of these. Become lists: tuples, ranges, sets (sorted), numpy arrays,
    pandas and polars columns. Become text: Path, Decimal, UUID, dates and times
    (ISO 8601). An Enum is its value, a numpy scalar its Python twin, a missing
    value of pandas null. Text and paths that lead into the output folder become
    relative to it. All else is an error: better now than wrong later.
    """

    deepest = 100

    def __init__(self, output_dir):
        self.folders = {output_dir, os.path.realpath(output_dir)}

    def text(self, value):
        plain = self.convert(value, "", 0)
        # Python's own sorting and spelling are close to canonical; kptn spells it out again.
        return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")

    def convert(self, value, place, depth):
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return self.relative(value, place)
        if kind is int:
            if not -(2**63) <= value < 2**64:
                raise NotJson(place, "int of more than 64 bits")
            return value
        if kind is float:
            if value != value or value in (float("inf"), float("-inf")):
                raise NotJson(place, "float %r" % value)
            return value
        if depth >= self.deepest:
            raise NotJson(place[:80] + "...", "nested deeper than %d" % self.deepest)
        if isinstance(value, (list, tuple, range)):
            return [self.convert(element, "%s[%d]" % (place, at), depth + 1) for at, element in enumerate(value)]
        if isinstance(value, dict):
            return self.mapping(value, place, depth)
        return self.convert(self.simpler(value, place), place, depth + 1)

    def mapping(self, value, place, depth):
        plain = {}
        for key, element in value.items():
            if not isinstance(key, str):
                raise NotJson("%s{%.40r}" % (place, key), "key of type %s" % _kind(key))
            name = self.relative(str.__str__(key), place)
            if name in plain:
                raise NotJson(place, "two keys that lead to %r" % name)
            plain[name] = self.convert(element, "%s.%s" % (place, key) if place else str(key), depth + 1)
        return plain

    def relative(self, text, place):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise NotJson(place, "str that is not Unicode: %r" % text[:40]) from None
        for folder in self.folders:
            if text.startswith(folder) and below(text, folder):
                return text[len(folder):].strip("/" + os.sep).replace(os.sep, "/") or "."
        return text

    def simpler(self, value, place):
        """Returns a value one step closer to JSON."""
        import datetime
        import decimal
        import enum
        import pathlib
        import uuid

        kind = type(value)
        library = (kind.__module__ or "").split(".")[0]
        if isinstance(value, enum.Enum):
            return value.value
        if isinstance(value, (set, frozenset)):
            plain = [self.convert(element, "%s{%.40r}" % (place, element), 1) for element in value]
            return sorted(plain, key=lambda element: json.dumps(element, sort_keys=True))
        if isinstance(value, (pathlib.PurePath, uuid.UUID)):
            return str(value)
        if isinstance(value, decimal.Decimal) and value.is_finite():
            return str(value)
        if library == "pandas" and kind.__name__ in ("NAType", "NaTType"):
            return None
        if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
            return value.isoformat()
        if library == "numpy":
            return self.from_numpy(value, place)
        if library in ("pandas", "polars") and (
            kind.__name__ in ("Series", "Categorical") or kind.__name__.endswith("Index") or kind.__name__.endswith("Array")
        ):
            return list(value)
        for base in (str, int, float):
            if isinstance(value, base):
                return base(value)
        raise NotJson(place, _kind(value))

    def from_numpy(self, value, place):
        shape, kind = getattr(value, "shape", None), getattr(getattr(value, "dtype", None), "kind", "")
        if kind in "biufUO" and kind:
            return value.tolist()
        if kind == "M":
            # `tolist` would make bare numbers of nanoseconds.
            return [element for element in value] if shape else (None if str(value) == "NaT" else str(value))
        raise NotJson(place, "%s%s" % (_kind(value), " of %s" % value.dtype if shape else ""))


def _kind(value):
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else "%s.%s" % (kind.__module__, kind.__qualname__)
