"""Seeded faults of the checks: each is put into the product in memory, and the harness must count what it lets through.

A fault is a text in one source file, found exactly once, and what replaces it (faults.toml). The module is compiled
from the changed text when it is imported in a harness process of its own; no file is written, and the compiled kernels
are those of the sound sources.
"""

import importlib.abc
import importlib.machinery
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("faults.toml")


@dataclass(frozen=True)
class Fault:
    """One broken check: its name, file, text and replacement, and the class of attack that is run against it."""

    name: str
    file: str
    find: str | list[str]
    replace: str | list[str]
    attack: str

    @property
    def module(self) -> str:
        """The module that the file is imported as."""
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def source(self) -> str:
        """The changed text. Raises ValueError unless the text is found exactly once."""
        text = (ROOT / self.file).read_text(encoding="utf-8")
        places = (
            [(self.find, self.replace)] if isinstance(self.find, str) else zip(self.find, self.replace, strict=True)
        )
        for find, replace in places:
            if text.count(find) != 1:
                raise ValueError(f"{self.name}: {self.file} holds {find!r} {text.count(find)} times")
            text = text.replace(find, replace)
        return text


def faults(path: Path = LIST) -> list[Fault]:
    """All faults of the list. Raises TypeError if an entry lacks a field or has one too many."""
    return [Fault(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["fault"]]


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads one module from changed text, past the cache of compiled files."""

    def __init__(self, fault: Fault):
        super().__init__(fault.module, str(ROOT / fault.file))
        self._source = fault.source()

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, fault: Fault):
        self._fault = fault

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: object = None) -> object:
        if fullname != self._fault.module:
            return None
        inside = self._fault.file.endswith("/__init__.py")
        return spec_from_loader(fullname, _Loader(self._fault), is_package=inside)


def seed(fault: Fault) -> None:
    """Put the fault into this process. Raises RuntimeError where its module is loaded already."""
    if fault.module in sys.modules:
        raise RuntimeError(f"{fault.module} is loaded already")
    sys.meta_path.insert(0, _Finder(fault))
