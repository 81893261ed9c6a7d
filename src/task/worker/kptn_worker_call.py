"""Calls a task's function: its arguments by name, and every way in which it may end."""

import json
import os
import sys

import kptn_worker_older as older

_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Refused(Exception):
    """The function was not called, and this says why; no traceback helps."""


def attempt(project, task, item):
    """Returns the answer to one call, and the bytes of a result."""
    try:
        returned = _call(project, task, item)
        if not task["wants_result"]:
            return {"ended": "returned"}, None
        results = own_module("kptn_worker_results")
        try:
            return {"ended": "returned"}, results.Plain(task["pipeline"]["scratch_dir"]).text(returned)
        except results.NotJson as error:
            _say("the result cannot be kept as JSON: %s\n" % error)
            return {"ended": "unkeepable", "error": str(error)}, None
    except Refused as error:
        _say("%s\n" % error)
        return {"ended": "refused", "error": str(error)}, None
    except SystemExit as error:
        if error.code is None or error.code == 0:
            return {"ended": "exited", "code": 0}, None
        if not isinstance(error.code, int):
            _say("%s\n" % error.code)
            return {"ended": "exited", "code": 1, "error": str(error.code).split("\n")[0]}, None
        return {"ended": "exited", "code": error.code}, None
    except BaseException as error:
        return {"ended": "raised", "error": _tell(error)}, None


def _say(text):
    """Prints to the log, whatever became of `sys.stderr`."""
    try:
        sys.stderr.write(text)
    except Exception:
        try:
            os.write(2, text.encode("utf-8", "replace"))
        except OSError:
            pass


def _call(project, task, item):
    """Calls the function and returns what it returned."""
    module = project.load(task["script"])
    function = _function(module, task["function"], task["script"])
    given = item
    if task["given"]:
        # Values are parsed anew for each call: an item may change the list that it was given.
        given = {**{name: json.loads(text) for name, text in task["given"].items()}, **item}
    positional, keywords = _arguments(function, task, given)
    returned = function(*positional, **keywords)
    if hasattr(returned, "__await__"):
        import asyncio

        async def wait():
            return await returned

        returned = asyncio.run(wait())
    if hasattr(returned, "gi_frame") or hasattr(returned, "ag_frame"):
        raise Refused("`%s` has a `yield`: calling it made a generator and ran nothing" % task["function"])
    return returned


def _function(module, name, script):
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if callable(found):
        return found
    import difflib

    near = difflib.get_close_matches(name, [known for known, value in vars(module).items() if callable(value)], 1)
    hint = "; did you mean `%s`?" % near[0] if near else ""
    raise Refused("`%s` has no function `%s`%s" % (os.path.basename(script), name, hint))


class _Parameter:
    """One parameter of a function; `inspect` knows more, and costs a third of a start."""

    def __init__(self, kind, required, annotation):
        self.kind, self.required, self.annotation = kind, required, annotation


def _parameters(function):
    """Returns the parameters by name, and whether it takes any others (`**kwargs`)."""
    code = getattr(function, "__code__", None)
    if code is None or type(function).__name__ != "function" or hasattr(function, "__wrapped__") or hasattr(function, "__signature__"):
        return _inspected(function)
    names, plain, keyword = code.co_varnames, code.co_argcount, code.co_kwonlyargcount
    first_default = plain - len(function.__defaults__ or ())
    annotations, defaults = function.__annotations__, function.__kwdefaults__ or {}
    found = {}
    for at, name in enumerate(names[:plain]):
        kind = "positional" if at < code.co_posonlyargcount else "any"
        found[name] = _Parameter(kind, at < first_default, annotations.get(name))
    for name in names[plain : plain + keyword]:
        found[name] = _Parameter("keyword", name not in defaults, annotations.get(name))
    return found, bool(code.co_flags & 0x08)


def _inspected(function):
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}, True
    kinds = {inspect.Parameter.POSITIONAL_ONLY: "positional", inspect.Parameter.KEYWORD_ONLY: "keyword"}
    taken = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    found = {
        p.name: _Parameter(kinds.get(p.kind, "any"), p.default is p.empty, None if p.annotation is p.empty else p.annotation)
        for p in taken
    }
    return found, any(p.kind == p.VAR_KEYWORD for p in parameters)


def _arguments(function, task, given):
    """Returns positional and keyword arguments: each parameter by its name."""
    parameters, takes_others = _known_parameters(function)
    others = _Others(task)
    positional, keywords, missing = [], {}, []
    for name, parameter in parameters.items():
        if name in given:
            value = given[name]
        elif others.has(name):
            value = others.value(name)
        elif parameter.required:
            missing.append(name)
            continue
        else:
            continue
        if parameter.annotation is not None and isinstance(value, str) and _wants_path(function, name, parameter):
            import pathlib

            value = pathlib.Path(value)
        if parameter.kind == "positional":
            positional.append(value)
        else:
            keywords[name] = value
    if missing:
        listed = ", ".join("`%s`" % name for name in missing)
        raise Refused("nothing supplies parameter %s of `%s`" % (listed, task["function"]))
    unknown = [name for name in task["args"] if name not in parameters] if task["args"] else None
    if takes_others:
        keywords.update((name, value) for name, value in given.items() if name not in parameters)
    elif unknown:
        listed = ", ".join("`%s`" % name for name in unknown)
        raise Refused("`%s` does not take %s, which `args` names" % (task["function"], listed))
    return positional, keywords


class _Others:
    """What a parameter may ask for beside the values that it is given; made where one does."""

    def __init__(self, task):
        self.task, self.pipeline, self.runtime = task, None, None

    def has(self, name):
        if self.pipeline is None:
            self.pipeline = older.PipelineConfig(**self.task["pipeline"])
            self.runtime = older.RuntimeConfig(self.task["config"], self.pipeline, self.task["info"])
        return (
            name in self.runtime
            or name in ("pipeline_config", "runtime_config", "output_dir", "idx")
            or (not name.startswith("_") and hasattr(self.pipeline, name))
        )

    def value(self, name):
        if name in self.runtime:
            return self.runtime[name]
        if name == "pipeline_config":
            return self.pipeline
        if name == "runtime_config":
            return self.runtime
        if name == "output_dir":
            return self.pipeline.scratch_dir
        return None if name == "idx" else getattr(self.pipeline, name)


# The function that was asked about last, all that its parameters follow from, and these.
_asked = [None, None, None]


def _known_parameters(function):
    """Returns what `_parameters` does, found anew only for another function or one that was changed."""
    code = getattr(function, "__code__", None)
    if code is None or getattr(function, "__wrapped__", None) is not None or hasattr(function, "__signature__"):
        return _parameters(function)
    basis = code, function.__defaults__, function.__kwdefaults__, function.__annotations__
    if _asked[0] is not function or any(one is not other for one, other in zip(_asked[1], basis)):
        _asked[:] = function, basis, _parameters(function)
    return _asked[2]


def _wants_path(function, name, parameter):
    """Tells whether an annotation is a path, or has one within (`Optional[Path]`)."""
    annotation = parameter.annotation
    if isinstance(annotation, type) and annotation.__module__ == "builtins":
        return False
    import pathlib
    import typing

    if isinstance(annotation, str):
        try:
            annotation = typing.get_type_hints(function).get(name, annotation)
        except Exception:
            words = "".join(c if c.isalnum() or c in "._" else " " for c in annotation).split()
            return any(word.split(".")[-1] in ("Path", "PurePath", "PosixPath") for word in words)
    kinds = [annotation]
    while kinds:
        kind = kinds.pop()
        if isinstance(kind, type) and issubclass(kind, pathlib.PurePath):
            return True
        kinds.extend(getattr(kind, "__args__", None) or ())
    return False


def _tell(error):
    """Prints a traceback without kptn's own frames, and returns the error in one line."""
    import importlib
    import traceback

    def is_hidden(file):
        return file.startswith((_OWN, "<frozen importlib")) or file == importlib.__file__

    told = traceback.TracebackException.from_exception(error)
    seen, rest = set(), [told]
    while rest:
        one = rest.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.stack = traceback.StackSummary.from_list([frame for frame in one.stack if not is_hidden(frame.filename)])
        rest += [one.__cause__, one.__context__] + list(getattr(one, "exceptions", None) or [])
    _say("".join(told.format()))
    try:
        said = str(error).strip().split("\n")[0]
    except Exception:
        said = "(it has no text)"
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else "%s.%s" % (kind.__module__, kind.__qualname__)
    return name + (": " + said if said else "")


def own_module(name):
    """Imports a file beside this one that is seldom needed; their folder is out of the user's sight."""
    if name not in sys.modules:
        writes, sys.dont_write_bytecode = sys.dont_write_bytecode, False
        sys.path.insert(0, _OWN)
        try:
            __import__(name)
        finally:
            sys.path.remove(_OWN)
            sys.dont_write_bytecode = writes
    return sys.modules[name]
