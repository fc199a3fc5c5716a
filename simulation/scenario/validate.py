"""Validate: what scenarios of every kind share: numbers against a table, spelling of keys, the form of [sweep]."""

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from adccsim.scenario.errors import Invalid, explain, nearest, sweep_path
from adccsim.scenario.tables import Table


def number_errors(table: type[Table], numbers: Mapping[str, float]) -> list[tuple[str, str]]:
    """(field, what is allowed) for every number that a scenario table refuses.

    Numbers of the catalogue have the same bounds as a user's own. What else the table needs is not asked for.
    """
    try:
        table.model_validate(dict(numbers))
    except ValidationError as error:
        found = [(str(item["loc"][0]), explain(item)) for item in error.errors(include_url=False)]
        return [(field, reason) for field, reason in found if field in numbers]
    return []


def did_you_mean(key: str, known: Iterable[str]) -> str:
    """ "; did you mean ...?" with a like key of the same table, the same key of another, or the closest of all."""
    known = list(known)
    table, _, name = key.rpartition(".")
    siblings = {other.rpartition(".")[2]: other for other in known if other.rpartition(".")[0] == table}
    close = siblings.get(nearest(name, siblings) or "")
    close = close or next((other for other in known if other.rpartition(".")[2] == name), None) or nearest(key, known)
    return f"; did you mean {close}?" if close else ""


def flatten_sweep(raw: object) -> tuple[dict[str, object], list[Invalid]]:
    """[sweep] as dotted key -> value: "a.b" = ..., a.b = ... and [sweep.a] mean the same; twice is an error."""
    if not isinstance(raw, dict):
        return {}, [Invalid("sweep", raw, "must be a table")]
    flat: dict[str, object] = {}
    errors: list[Invalid] = []

    def walk(node: dict, prefix: str) -> None:
        for key, value in node.items():
            name = f"{prefix}{key}"
            if isinstance(value, dict) and value:
                walk(value, f"{name}.")
            elif name in flat:
                errors.append(Invalid(sweep_path(name), value, "duplicate key: swept twice"))
            else:
                flat[name] = value

    walk(raw, "")
    return flat, errors
