"""Source files of a checkout, and what is read off their syntax trees: sizes, repetitions, typing."""

import ast
import io
import os
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

ROOTS = ("adccsim", "simulation", "analysis", "scenarios")  # of this layout and of the one before it; links count once
TOP = "(top level)"
LARGE = 400  # lines
SHORTEST_COPY = 8  # lines
MOUSE_PREFIXES = ("xenograft_", "mouse_", "mice_", "growth_", "tumour_")
SISTERS = {"xenograft": "well", "growth": "assay"}  # packages of mice and those of wells
COMMENTS = {"type_ignore": re.compile(r"#\s*type:\s*ignore"), "noqa": re.compile(r"#\s*noqa")}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file: its path in the checkout, the package it belongs to, its text and its tree."""

    path: str
    package: str
    text: str
    tree: ast.Module

    @classmethod
    def of(cls, path: str, text: str) -> "Module":
        """The module of a path like simulation/well/kernel.py, whose package is well."""
        parts = Path(path).parts
        inner = parts[1:] if parts[0] in ROOTS[:2] else parts
        return cls(path, inner[0] if len(inner) > 1 else TOP, text, ast.parse(text))

    @property
    def lines(self) -> int:
        """Lines of the file, empty ones and comments included."""
        return len(self.text.splitlines())

    def at(self, node: ast.AST) -> str:
        """Where a node stands, as path:line."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


def modules(root: Path) -> list[Module]:
    """Every Python file of the product in a checkout; tests and benchmarks are none."""
    root = root.resolve()
    tops = {(root / name).resolve() for name in ROOTS if (root / name).is_dir()}
    found = {Path(folder, name) for top in tops for folder, _, names in os.walk(top) for name in names}
    paths = sorted(path for path in found if path.suffix == ".py")
    return [Module.of(str(path.relative_to(root)), path.read_text(encoding="utf-8")) for path in paths]


def functions(module: Module) -> Iterator[Function]:
    """Functions and methods of a file, those inside others included."""
    return (node for node in ast.walk(module.tree) if isinstance(node, Function))


def length(function: Function) -> int:
    """Lines from `def` to the end."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


# -- sizes ---------------------------------------------------------------------------------------------------------
def packages(found: Iterable[Module]) -> dict[str, dict[str, int]]:
    """Files and lines of each package."""
    sizes: dict[str, dict[str, int]] = {}
    for module in found:
        size = sizes.setdefault(module.package, {"files": 0, "lines": 0})
        size["files"] += 1
        size["lines"] += module.lines
    return dict(sorted(sizes.items()))


def largest_files(found: Iterable[Module], count: int = 10) -> list[tuple[str, int]]:
    """The longest files and their lines."""
    return sorted(((module.path, module.lines) for module in found), key=lambda each: -each[1])[:count]


def largest_functions(found: Iterable[Module], count: int = 10) -> list[tuple[str, int]]:
    """The longest functions, as path:line name, and their lines."""
    sizes = [(f"{module.at(each)} {each.name}", length(each)) for module in found for each in functions(module)]
    return sorted(sizes, key=lambda each: -each[1])[:count]


# -- repetitions -----------------------------------------------------------------------------------------------------
class _Nameless(ast.NodeTransformer):
    """Blanks every name: of variables, arguments, attributes, functions and keywords. Constants stay."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field in ("id", "arg", "attr", "name"):
            if isinstance(getattr(node, field, None), str):
                setattr(node, field, "_")
        return super().generic_visit(node)


def shape(function: Function) -> str:
    """The tree of a function without docstring and names."""
    copy = ast.parse(ast.unparse(function)).body[0]
    assert isinstance(copy, Function)
    if ast.get_docstring(copy) is not None:
        copy.body = copy.body[1:]
    return ast.dump(_Nameless().visit(copy))


def duplicates(found: Iterable[Module]) -> list[tuple[str, str]]:
    """Pairs of functions of SHORTEST_COPY lines or more that differ in nothing but names."""
    alike: dict[str, list[str]] = {}
    for module in found:
        for function in functions(module):
            if length(function) >= SHORTEST_COPY:
                alike.setdefault(shape(function), []).append(f"{module.at(function)} {function.name}")
    return [pair for places in alike.values() for pair in combinations(places, 2)]


def twins(found: Iterable[Module]) -> list[tuple[str, str]]:
    """Files that exist once for wells and once for mice: same name in sister packages, or with a prefix of mice."""
    paths = {module.path for module in found}
    pairs = {(other, path) for path in paths for other in _sisters(path) if other in paths}
    return sorted(pairs)


def _sisters(path: str) -> Iterator[str]:
    """Where the same file for wells would be."""
    folder, name = Path(path).parent, Path(path).name
    if name != "__init__.py" and folder.name in SISTERS:
        yield str(folder.with_name(SISTERS[folder.name]) / name)
    if name in ("mouse.py", "mice.py", "xenograft.py"):
        yield str(folder / "well.py")
    for prefix in MOUSE_PREFIXES:
        if name.startswith(prefix):
            yield from (str(folder / plain) for plain in (name.removeprefix(prefix), "well_" + name[len(prefix) :]))


# -- typing ----------------------------------------------------------------------------------------------------------
def annotations(tree: ast.AST) -> Iterator[ast.expr]:
    """Annotations of arguments, results and variables."""
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if isinstance(found := getattr(node, field, None), ast.expr):
                yield found


def loose(module: Module) -> Counter[str]:
    """How often a file opts out of types: Any in annotations, cast(), type: ignore; noqa beside them."""
    counts = Counter(any=sum(_anys(each) for each in annotations(module.tree)))
    counts["cast"] = sum(_is_cast(node) for node in ast.walk(module.tree))
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT:
            counts.update(name for name, pattern in COMMENTS.items() if pattern.search(token.string))
    return counts


def _anys(annotation: ast.expr) -> int:
    return len(re.findall(r"\bAny\b", ast.unparse(annotation)))


def _is_cast(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("cast", "typing.cast")
