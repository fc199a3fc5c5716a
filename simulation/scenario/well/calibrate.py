"""Checks of [calibrate]: free parameters that exist, ranges that the schema allows, experiments that are there."""

from collections.abc import Iterable, Sequence
from os.path import isfile

from adccsim.parameters.lookup import DEFAULT, Catalogue, number_at, split_path
from adccsim.scenario.errors import NO_VALUE, Invalid, nearest, show
from adccsim.scenario.validate import number_errors
from adccsim.scenario.well.schema import TABLES, Scenario, overridable

# The kinds of the catalogue whose numbers a fit may move, and the scenario table that knows their bounds.
FITTED_KINDS = {"cell_lines": "targets", "effectors": "effectors", "antibodies": "antibody"}


def free_range(known: Catalogue, path: str, given: Sequence[float]) -> tuple[float, float]:
    """(low, high) of a free parameter: as given, or the catalogue's own where nothing is given."""
    if given:
        return float(given[0]), float(given[1])
    number = number_at(known, path)
    return number.low, number.high


def calibrate_errors(scenario: Scenario, known: Catalogue) -> list[Invalid]:
    """What is wrong with a valid [calibrate] table, given the catalogue and the rest of the scenario."""
    errors: list[Invalid] = []
    settings = scenario.calibrate
    if settings is None:
        return errors
    if scenario.compare is None:
        errors.append(Invalid("calibrate", NO_VALUE, "needs a table [compare]: what was measured in this experiment"))
    for place, (name, file) in enumerate(zip(settings.experiments, scenario.calibrate_experiments, strict=True)):
        if not isfile(file):
            errors.append(Invalid(f"calibrate.experiments[{place}]", name, "no such file next to the scenario"))
    for path, given in settings.free.items():
        where = f"calibrate.free.{show(path)}"
        errors += [Invalid(where, list(given) if given else NO_VALUE, text) for text in _wrong(known, path, given)]
    return errors


def _wrong(known: Catalogue, path: str, given: Sequence[float]) -> list[str]:
    kind, name, field = split_path(path)
    if kind not in FITTED_KINDS:
        return [f"must be kind.entry.field with a kind of {', '.join(FITTED_KINDS)}"]
    entries = {DEFAULT: known.defaults[kind], **known.kind(kind)}
    if name not in entries:
        return [f"no such entry{_like(name, entries)}"]
    table = FITTED_KINDS[kind]
    if field not in entries[name].numbers or field not in overridable(table):
        return [f"no such number{_like(field, overridable(table))}"]
    if given and len(given) != 2:
        return ["must be [low, high], or [] for the range of the catalogue"]
    low, high = free_range(known, path, given)
    if not low < high:
        return [f"leaves nothing free: low {low:g} is not below high {high:g}"]
    return [f"{end:g}: {reason}" for end in (low, high) for _, reason in number_errors(TABLES[table], {field: end})]


def _like(word: str, known: Iterable[str]) -> str:
    close = nearest(word, known)
    return f"; did you mean {show(close)}?" if close else ""
