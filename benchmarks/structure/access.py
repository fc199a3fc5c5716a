"""Access by string: x["name"], x.get("name"), getattr(x, "name"), and how much of it reads a condition.

The rule for a condition, in the packages that make runs and show them: the base of an access (what stands before the
string) is a chain of names, attributes and strings in which one is condition, conditions, resolved or sample, or the
name of a section of a condition; or it begins with a local name that was assigned from, or loops over, such a chain in
the same function. condition["targets"]["cells"] is two accesses. Not counted: chains through an engine or a recorder,
and strings that name the arrays of cells, target_... and effector_...
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.structure.source import Function, Module, annotations

PACKAGES = ("well", "xenograft", "record", "run", "execution", "teaching")
CONDITIONS = {"condition", "conditions", "resolved", "sample"}
SECTIONS = {
    "targets", "effectors", "antibody", "partner", "well", "assay", "action", "actions", "intervention",
    "interventions", "culture", "output", "clones", "clone", "tumour", "tissue", "strain", "drugs", "drug", "doses",
    "dose", "study", "body_weight", "mouse_factors", "checkpoint", "residents", "effector", "vessel",
}  # fmt: skip
ELSEWHERE = {"engine", "_engine", "recorder", "observe", "meta", "attrs"}
ARRAYS = ("target_", "effector_")


@dataclass(frozen=True)
class Access:
    """One access: the node, what is read from, and the string."""

    node: ast.AST
    base: ast.expr
    key: str


def accesses(tree: ast.AST) -> Iterator[Access]:
    """Every access by a constant string outside annotations."""
    typed = {id(node) for annotation in annotations(tree) for node in ast.walk(annotation)}
    for node in ast.walk(tree):
        if id(node) not in typed and (found := access_of(node)) is not None:
            yield found


def access_of(node: ast.AST) -> Access | None:
    """The access that a node is; None for any other node."""
    match node:
        case ast.Subscript(value=ast.Name(id="Literal")):
            return None
        case ast.Subscript(value=base, slice=ast.Constant(value=str(key))):
            return Access(node, base, key)
        case ast.Call(func=ast.Attribute(value=base, attr="get"), args=[ast.Constant(value=str(key)), *_]):
            return Access(node, base, key)
        case ast.Call(func=ast.Name(id="getattr"), args=[base, ast.Constant(value=str(key)), *_]):
            return Access(node, base, key)
    return None


def on_conditions(module: Module) -> list[str]:
    """Places at which a condition or a section of one is read by a string; see the rule above."""
    if module.package not in PACKAGES:
        return []
    places = {}
    for scope in _scopes(module.tree):
        known = _aliases(scope)
        of_conditions = (each for each in accesses(scope) if is_condition(each.base, known))
        places |= {id(each.node): module.at(each.node) for each in of_conditions if not each.key.startswith(ARRAYS)}
    return list(places.values())


def is_condition(base: ast.expr, known: set[str]) -> bool:
    """Whether an expression is a condition or a section; known: local names that are."""
    if isinstance(base, ast.BoolOp):
        return any(is_condition(value, known) for value in base.values)
    names = chain(base)
    if not names or set(names) & ELSEWHERE:
        return False
    return bool(set(names) & (CONDITIONS | SECTIONS)) or names[0] in known


def chain(node: ast.expr) -> list[str]:
    """The names of a chain from its root on: condition["targets"].x is condition, targets, x."""
    match node:
        case ast.Name(id=name):
            return [name]
        case ast.Attribute(value=base, attr=name):
            return [*chain(base), name]
        case ast.Subscript(value=base, slice=ast.Constant(value=str(name))):
            return [*chain(base), name]
        case ast.Subscript(value=base):
            return chain(base)
        case ast.Call(func=ast.Attribute(value=base, attr="get" | "items" | "values")):
            return chain(base)
    return []


def _scopes(tree: ast.Module) -> list[ast.Module | Function]:
    """The file itself and its functions: an assignment is followed inside the function that it stands in."""
    return [tree, *(node for node in ast.walk(tree) if isinstance(node, Function))]


def _aliases(scope: ast.Module | Function) -> set[str]:
    """Local names that hold a condition or a section."""
    known: set[str] = set()
    bindings = list(_bindings(scope)) if isinstance(scope, Function) else []
    while True:
        more = {name for to, value in bindings if is_condition(value, known) for name in _targets(to)}
        if more <= known:
            return known
        known |= more


def _bindings(scope: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """(target, value) of assignments and loops; those of tuples one by one."""
    for node in ast.walk(scope):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=to)], value=ast.Tuple(elts=values)):
                yield from zip(to, values, strict=False)
            case ast.Assign(targets=targets, value=value):
                yield from ((to, value) for to in targets)
            case ast.NamedExpr(target=to, value=value):
                yield to, value
            case ast.For(target=to, iter=value) | ast.comprehension(target=to, iter=value):
                yield to, value


def _targets(to: ast.expr) -> list[str]:
    """The name that is bound; of a pair, as of items(), the last."""
    if isinstance(to, ast.Tuple):
        return _targets(to.elts[-1])
    return [to.id] if isinstance(to, ast.Name) else []
