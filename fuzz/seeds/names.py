# -*- coding: utf-8 -*-
"""Docstring."""
from __future__ import annotations
import os, sys as system, pkg.sub as s
from . import sibling
from ..up import (a, b as c,)
from x import *
CONSTANT = {"a": 1, **other}
TABLE = [f for f in (one, two) if f]
if system.platform == "win32":
    import winreg
else:
    winreg = None
try:
    import fast as impl
except ImportError:
    impl = sibling
def outer(x: int, /, y=CONSTANT, *args: str, key, opt: "Path" = None, **kwargs) -> list[int]:
    global COUNT
    COUNT = 1
    def inner():
        nonlocal x
        return (yield x)
    return [lambda z, *w, k=1: z + w for _ in range(3)]
@decorator(arg)
@other.deco
async def later(pipeline_config):
    async with a as b, c as (d, e):
        await b
    match command:
        case {"k": [1, *rest], **more} | Point(x=0) as p if p: pass
class Base(metaclass=Meta):
    field: int = 3
    @property
    def method(self): return super().method
    class Inner(Base.Other): ...
getattr(module, "name" + x)(); importlib.import_module("dyn"); __import__("os"); globals()["x"]; exec("y")
print(f"{value!r:>{width}} {'nested' + f'{deep}'}", rf"\d{x}", b'bytes' b"more")
(walrus := 10); del walrus; x[1:2, ...] @= y
__all__ = ["outer"] + sibling.__all__
if __name__ == "__main__": outer(1)
