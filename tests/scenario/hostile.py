"""Scenarios with something wrong in them: seeded random mutations of the shipped files, and what `adcc check` says."""

import copy
import datetime
import random
import tomllib
from pathlib import Path

from adccsim.parameters.lookup import CatalogueError
from adccsim.scenario.conditions import plan_of, stand_ins_of, warnings_of
from adccsim.scenario.errors import ScenarioError
from adccsim.scenario.load import load_scenario, scenario_from_dict
from adccsim.scenario.shipped import shipped
from adccsim.scenario.sweep import point_count

NUMBERS = (
    *(0, -1, 1, 2, -0.0, 5e-324, 1e308, -1e308, 1e-9, 0.5, float("nan"), float("inf"), float("-inf")),
    *(2**31, 2**63, 2**64, 10**30, 10**400, True, False),
)
TEXTS = (
    "",
    " ",
    "nan",
    "1",
    "true",
    "a\0b",
    "\x1b[31m\x07",
    "\u202eevil",
    "x" * 100_000,
    "none",
    "default",
    "../..",
    "\ud800",
)
OTHERS = (
    *([], {}, [[]], [{}], {"a": 1}, ["a", 1], [1, 1], [float("nan")] * 3, [[[[[[1]]]]]]),
    *(datetime.date(2026, 1, 1), datetime.datetime(2026, 1, 1), datetime.time(1, 2)),
)
HOSTILE = (*NUMBERS, *TEXTS, *OTHERS)
MOST_RUNS = 200  # conditions of an accepted scenario that are built and planned, too


def outcome(path: Path | None = None, raw: dict | None = None, sets: list[str] | None = None) -> str:
    """ "accepted", or the refusal on one or more lines. Anything else that `adcc check` would raise passes through."""
    try:
        scenario = load_scenario(path, sets or []) if path else scenario_from_dict(raw, sets or [])
        mice = scenario.kind == "xenograft"
        units = sum(arm.mice for arm in scenario.arm) if mice else scenario.effectors.donors * scenario.replicates
        if point_count(scenario) * units <= MOST_RUNS:
            plan_of(scenario)
        warnings_of(scenario)
        stand_ins_of(scenario)
        return "accepted"
    except (ScenarioError, CatalogueError) as error:
        return str(error)


def small(raw: dict) -> dict:
    """A shipped scenario with at most two values per swept key: the same checks in a fraction of the time."""
    raw = copy.deepcopy(raw)
    for key, values in raw.get("sweep", {}).items():
        if isinstance(values, list):
            raw["sweep"][key] = values[:2]
    if "effectors" in raw and raw["effectors"].get("donors", 1) > 2:
        raw["effectors"]["donors"] = 2
    for arm in raw.get("arm", []):
        arm["mice"] = min(arm["mice"], 2)
    return raw


def scenarios() -> dict[str, dict]:
    """The shipped scenarios, small."""
    return {name: small(tomllib.loads(path.read_text(encoding="utf-8"))) for name, path in shipped().items()}


def places(node: object, before: tuple = ()) -> list[tuple]:
    """Path of every key and list entry."""
    found = []
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        found += [(*before, key), *places(value, (*before, key))]
    return found


def mutated(raw: dict, draw: random.Random) -> tuple[dict, str]:
    """(a copy with one to three things wrong, what was done)."""
    raw, done = copy.deepcopy(raw), []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        spots = places(raw)
        if not spots:
            break
        *path, last = draw.choice(spots)
        node = raw
        for key in path:
            node = node[key]
        deed = draw.choice(("value", "value", "value", "delete", "rename", "type", "double", "move", "list"))
        if deed == "delete":
            del node[last]
        elif deed == "rename" and isinstance(node, dict):
            node[draw.choice((str(last).upper(), f"{last}x", "", "a.b", "\x1b[0m", "é" * 50))] = node.pop(last)
        elif deed == "type":
            value = node[last]
            node[last] = str(value) if not isinstance(value, str) else [value]
        elif deed == "double" and isinstance(node, list):
            node.append(copy.deepcopy(node[last]))
        elif deed == "move":
            raw[str(last)] = copy.deepcopy(node[last])
        elif deed == "list":
            node[last] = [node[last], copy.deepcopy(draw.choice(HOSTILE))]
        else:
            node[last] = copy.deepcopy(draw.choice(HOSTILE))
        done.append(f"{deed} {'.'.join(map(str, (*path, last)))}")
    return raw, "; ".join(done)


def spliced(data: bytes, draw: random.Random) -> bytes:
    """The bytes of a file with a piece cut out, doubled, overwritten or filled in."""
    at, size = draw.randrange(len(data)), draw.randrange(1, 40)
    fill = draw.choice(
        (
            b"",
            b"\0",
            b"\xff\xfe",
            b"\x1b[31m",
            b'"',
            b"]]",
            b"[" * 2000,
            b"\r",
            b"=",
            b"9" * 5000,
            b"\n\n",
            data[at : at + size],
        )
    )
    return data[:at] + fill + data[at + draw.choice((0, size)) :]
