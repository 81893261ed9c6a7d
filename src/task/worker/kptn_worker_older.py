"""The objects that kptn 0.1 gave to parameters named `pipeline_config` and `runtime_config`.

Projects written for it import their classes; see `fill`.
"""

import os
import sys


def fill(module):
    """Fills one of the modules that older projects import from."""
    if module.__name__ == "kptn.util.pipeline_config":
        module.PipelineConfig = PipelineConfig
        module.get_scratch_dir = lambda config: config.scratch_dir
        module.get_storage_key = lambda config: config.STORAGE_KEY or config.BRANCH
    elif module.__name__ == "kptn.util.runtime_config":
        module.RuntimeConfig = RuntimeConfig


class PipelineConfig:
    """What the run is about; each of its values is also a parameter's value by its own name."""

    IMAGE = ""
    BRANCH = ""
    DATA_YEAR = "2022"
    STORAGE_KEY = ""
    SUBSET_MODE = False
    OUTPUT_STORETYPE = "fs"
    OUTPUT_FILETYPE = "csv"
    PIPELINE_NAME = ""
    PY_MODULE_PATH = ""
    TASKS_CONFIG_PATH = ""
    PY_TASKS_DIRS = ()
    R_TASKS_DIRS = ()

    def __init__(self, scratch_dir="", **values):
        self.__dict__.update((name, tuple(v) if isinstance(v, list) else v) for name, v in values.items())
        self._scratch_dir = scratch_dir

    @property
    def scratch_dir(self):
        import pathlib

        return pathlib.Path(self._scratch_dir)

    @property
    def externals_dir(self):
        return os.path.join(self._scratch_dir, "externals")

    def __repr__(self):
        return "PipelineConfig(%s)" % ", ".join("%s=%r" % pair for pair in sorted(self.__dict__.items()))


class RuntimeConfig:
    """The values of `config`, by name; functions among them are called when they are first asked for."""

    def __init__(self, values=None, fallback=None, task_info=None):
        self.__dict__.update(
            _values=dict(values or {}), _known={}, _asked=[], _fallback=fallback, _task_info=dict(task_info or {})
        )

    def __contains__(self, name):
        return name in self._values

    def __getitem__(self, name):
        if name not in self._known:
            if name in self._asked:
                raise RuntimeError("config value `%s` needs itself: %s" % (name, " -> ".join(self._asked + [name])))
            self._asked.append(name)
            try:
                self._known[name] = self._resolve(self._values[name])
            finally:
                self._asked.pop()
        return self._known[name]

    def __getattr__(self, name):
        if name in self._values:
            return self[name]
        if self._fallback is not None and not name.startswith("_") and hasattr(self._fallback, name):
            return getattr(self._fallback, name)
        raise AttributeError(name)

    def get(self, name, default=None):
        return self[name] if name in self else default

    def as_dict(self):
        return {name: self[name] for name in self._values}

    def _resolve(self, value):
        if isinstance(value, list):
            return [self._resolve(element) for element in value]
        if isinstance(value, dict):
            if set(value) == {"$function"}:
                return self._call(value["$function"])
            return {key: self._resolve(element) for key, element in value.items()}
        return value

    def _call(self, spec):
        import importlib
        import inspect

        module, _, attribute = spec.partition(":")
        function = importlib.import_module(module)
        for part in attribute.split("."):
            function = getattr(function, part)
        keywords = {}
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if name == "task_info":
                keywords[name] = dict(self._task_info)
            elif name in self:
                keywords[name] = self[name]
            elif parameter.default is parameter.empty:
                raise TypeError("config function `%s` needs `%s`, which `config` does not have" % (spec, name))
        return function(**keywords)
