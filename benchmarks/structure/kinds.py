"""Places that tell wells from mice, and loops that let an engine's time go on."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.structure.source import Function, Module, functions

KINDS = {"well", "xenograft"}
CLASSES = {
    "WellCondition", "MouseCondition", "Scenario", "XenograftScenario", "WellStudy", "MouseStudy",
    "WellAnalysis", "MiceAnalysis", "WellWorld", "MouseWorld", "WellEngine", "TumourEngine", "WellShow", "TumourShow",
}  # fmt: skip
ENGINES = ("well", "xenograft")  # the packages of one engine each
CHOOSES, REFUSES, NARROWS, OWN, LISTS = "chooses", "refuses", "narrows", "own", "lists"


@dataclass(frozen=True)
class Switch:
    """One place: where, what it says, and what for.

    role: chooses (does one thing for wells and another for mice), refuses (the other kind is an error), narrows (an
    assert, for the type checker), own (an engine that takes its own condition or its own numbers) or lists (a table of
    the classes of one layer by the kind that each states itself, {A.KIND: A, B.KIND: B}).
    """

    place: str
    code: str
    role: str


def switches(module: Module) -> list[Switch]:
    """Every place of a file that tells wells from mice."""
    return [
        Switch(module.at(node), _short(node), LISTS if _lists_classes(node) else _role(module, above))
        for node, above in _with_ancestors(module.tree)
        if tells_kinds(node)
    ]


def tells_kinds(node: ast.AST) -> bool:
    """Whether a node tells the kinds apart: isinstance, a comparison, a case of match, a dict with a key for each."""
    match node:
        case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, classes]):
            return bool(_names(classes) & CLASSES)
        case ast.Compare():
            return _compares_kinds([node.left, *node.comparators])
        case ast.Dict(keys=keys):
            return _lists_classes(node) or {each.value for each in keys if isinstance(each, ast.Constant)} >= KINDS
        case ast.MatchValue(value=ast.Constant(value=value)):
            return value in KINDS
        case ast.MatchClass(cls=cls):
            return bool(_names(cls) & CLASSES)
    return False


def compares_with_xenograft(node: ast.AST) -> bool:
    """Whether a node is == "xenograft" or != "xenograft"."""
    match node:
        case ast.Compare(ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Constant(value="xenograft")]):
            return True
    return False


def comparisons(module: Module) -> list[str]:
    """Places of a file that compare something with "xenograft"."""
    return [module.at(node) for node in ast.walk(module.tree) if compares_with_xenograft(node)]


def _compares_kinds(sides: list[ast.expr]) -> bool:
    """A side is "xenograft", or "well" and the other is a kind, or both are classes or kinds of classes."""
    named = {name for side in sides for name in _constants(side)} & KINDS
    if any(_is_class(side) or _is_kind_of_class(side) for side in sides):
        return True
    return named == {"xenograft"} or (named == {"well"} and any(_mentions_kind(side) for side in sides))


def _constants(side: ast.expr) -> list[object]:
    """The constants that a side is: one, or those of a display."""
    parts = side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]
    return [part.value for part in parts if isinstance(part, ast.Constant)]


def _is_class(side: ast.expr) -> bool:
    return isinstance(side, ast.Name) and side.id in CLASSES


def _is_kind_of_class(side: ast.expr) -> bool:
    return isinstance(side, ast.Attribute) and side.attr in ("kind", "KIND") and _is_class(side.value)


def _lists_classes(node: ast.AST) -> bool:
    """Whether a node is a dict whose keys are the kinds of classes."""
    return isinstance(node, ast.Dict) and bool(node.keys) and all(key and _is_kind_of_class(key) for key in node.keys)


def _mentions_kind(side: ast.expr) -> bool:
    said = _names(side) | {each.value for each in ast.walk(side) if isinstance(each, ast.Constant)}
    return bool(said & {"kind", "kind_of"})


def _names(node: ast.AST) -> set[str]:
    every = list(ast.walk(node))
    names = {each.id for each in every if isinstance(each, ast.Name)}
    return names | {each.attr for each in every if isinstance(each, ast.Attribute)}


def _with_ancestors(node: ast.AST, above: tuple[ast.AST, ...] = ()) -> Iterator[tuple[ast.AST, tuple[ast.AST, ...]]]:
    yield node, above
    for child in ast.iter_child_nodes(node):
        yield from _with_ancestors(child, (*above, node))


def _role(module: Module, above: tuple[ast.AST, ...]) -> str:
    if any(isinstance(each, ast.Assert) for each in above):
        return NARROWS
    statement = next((each for each in reversed(above) if isinstance(each, ast.stmt)), None)
    if isinstance(statement, ast.If) and _refuses(statement.body[-1]):
        return REFUSES
    return OWN if module.package in ENGINES else CHOOSES


def _refuses(statement: ast.stmt) -> bool:
    """Whether a statement raises, or notes a fault of the file."""
    return isinstance(statement, ast.Raise) or bool({"Fault", "Invalid"} & set(_names(statement)))


def _short(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 100 else text[:97] + "..."


# -- loops -----------------------------------------------------------------------------------------------------------
def driver_loops(module: Module) -> list[str]:
    """Functions in which a loop calls .advance() of something, as path:line name."""
    return [f"{module.at(each)} {each.name}" for each in functions(module) if _drives(each)]


def _drives(function: Function) -> bool:
    loops = [node for node in ast.walk(function) if isinstance(node, ast.For | ast.While | ast.AsyncFor)]
    return any(_advances(node) for loop in loops for node in ast.walk(loop))


def _advances(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "advance"
