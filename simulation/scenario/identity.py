"""Identity: names and random keys of a condition, from its resolved numbers alone.

run_id   names the run file: a hash of everything in the resolved condition.
run_key  seeds the generator: a hash of seed and unit (donor, replicate) and, unless runs are paired, of the physics.
plate    groups wells that share controls.

None of them sees the title, the rest of the sweep, the order of a file, a shard or a worker. Numbers must already be
coerced (a float field holds 5.0, never 5): equal conditions have equal text.
"""

import hashlib
import json
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

# Not physics: how a run is named, written or grouped. Role is left out so that a control and an equal sample agree.
_NOT_PHYSICS = {"schema", "model", "random", "role", "output", "seed", "donor", "replicate"}
_NOT_PHYSICS_OF_A_MOUSE = {"schema", "model", "random", "output", "seed", "arm", "mouse"}
# Numbers that stood in the source before they came into the catalogue. At their old value they do not count, so that
# the draws of a scenario that never heard of them stay what they were.
_FORMER_CONSTANTS = {
    "well": {"rim_width": 0.1},
    "tumour": {
        **{"vessel_spread": 0.6, "crowding_relaxation_per_h": 0.25, "cohesion_um_per_h": 4.0, "cohesion_gain": 3.0},
        **{"opsonised_from": 0.01, "her2_cut_1_per_cell": 2e4, "her2_cut_2_per_cell": 1e5, "her2_cut_3_per_cell": 5e5},
    },
}
_NOT_PLATE = {"antibody", "partner", "role", "replicate", "action", "output", "random"}
_PER_WELL_EFFECTORS = frozenset({"et_ratio", "nk_cells", "other_cells"})
# Of the antibody that cells were cultured under, what the assay itself varies from well to well.
_PER_WELL_ANTIBODY = {"dose_ug_per_ml", "wash_after_opsonisation", "fc_gain"}


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces and shortest exact floats. Raises ValueError on NaN or infinity."""
    return _encode(value)


class Names(NamedTuple):
    """What a well is called by: its canonical JSON and what follows from it."""

    text: str
    run_id: str
    run_key: int
    plate: str


class Texts:
    """Canonical JSON of the tables of many wells, each distinct one put into text once: a sweep repeats most of them.

    Only for coerced numbers without -0.0, as resolve() gives them: what is equal then has equal text.
    """

    def __init__(self):
        self._kept: dict[Any, str] = {}

    def of(self, value: Any, without: Set[str] = frozenset()) -> str:
        """Canonical JSON of a member of a resolved condition; without: keys of a table that are left out."""
        try:
            key = (frozenset(without), *value.items()) if isinstance(value, dict) else (type(value), value)
            return self._kept[key]
        except KeyError:
            text = self._kept[key] = canonical_json(_without(value, without) if without else value)
            return text
        except TypeError:  # it holds a list
            return canonical_json(_without(value, without) if without else value)

    def members(self, resolved: Mapping) -> dict[str, str]:
        """Canonical JSON of each member of a resolved condition."""
        return {key: self.of(value) for key, value in resolved.items()}

    def whole(self, resolved: Mapping) -> str:
        """Canonical JSON of a resolved condition."""
        return _joined(self.members(resolved))


def names_of(resolved: Mapping, texts: Texts | None = None) -> Names:
    """All names of a resolved well; texts: those of the wells before it in a sweep."""
    texts = texts or Texts()
    members = texts.members(resolved)
    text = _joined(members)
    return Names(text, _hash(text).hex()[:16], _well_key(resolved, members), _plate(resolved, members, texts))


def run_id(resolved: Mapping) -> str:
    """16 hexadecimal digits that name the run of a resolved condition."""
    return _hash(canonical_json(resolved)).hex()[:16]


def run_key(resolved: Mapping) -> int:
    """Philox key of a run, in [0, 2**64). In paired mode all conditions of one donor and replicate share it."""
    return _well_key(resolved, Texts().members(resolved))


def mouse_key(resolved: Mapping) -> int:
    """Key of one mouse's run, in [0, 2**64). In paired mode mouse i has the same key in every arm."""
    members = Texts().members(resolved)
    unit = {name: members[name] for name in ("seed", "mouse")}
    if resolved["random"] != "paired":
        unit |= {"arm": members["arm"], "physics": _physics(resolved, members, _NOT_PHYSICS_OF_A_MOUSE)}
    return _number(unit)


def plate(resolved: Mapping) -> str:
    """8 hexadecimal digits shared by the wells of one plate: same cells, donor, vessel, read-out and times.

    An effector-only well holds no targets; it belongs to the plate whose target number it carries as `plate_cells`.
    Cells cultured under different antibodies are different cells, so a culture brings its antibody into the plate.
    """
    texts = Texts()
    return _plate(resolved, texts.members(resolved), texts)


# -- of members: the canonical JSON of each member of a resolved condition --------------------------------------------


def _joined(members: Mapping[str, str]) -> str:
    """Canonical JSON of a table from that of its members."""
    return "{" + ",".join(f'"{key}":{members[key]}' for key in sorted(members)) + "}"


def _without(table: Mapping, names: Set[str]) -> dict:
    return {key: value for key, value in table.items() if key not in names}


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


def _number(members: Mapping[str, str]) -> int:
    return int.from_bytes(_hash(_joined(members))[:8], "big")


def _physics(resolved: Mapping, members: Mapping[str, str], others: Set[str]) -> str:
    """What decides the course of a run, `others` apart."""
    physics = _without(members, others)
    for table, former in _FORMER_CONSTANTS.items():
        if table in physics:
            physics[table] = canonical_json({k: v for k, v in resolved[table].items() if former.get(k) != v})
    return _joined(physics)


def _well_key(resolved: Mapping, members: Mapping[str, str]) -> int:
    unit = {name: members[name] for name in ("seed", "donor", "replicate")}
    if resolved["random"] != "paired":
        unit["physics"] = _physics(resolved, members, _NOT_PHYSICS)
    return _number(unit)


def _plate(resolved: Mapping, members: Mapping[str, str], texts: Texts) -> str:
    shared = {
        **_without(members, _NOT_PLATE),
        "effectors": texts.of(resolved["effectors"], _PER_WELL_EFFECTORS),
        "pre_incubation_min": canonical_json(resolved["antibody"]["pre_incubation_min"]),
    }
    targets = resolved["targets"]
    if "plate_cells" in targets:
        shared["targets"] = canonical_json(_without({**targets, "cells": targets["plate_cells"]}, {"plate_cells"}))
    if resolved["culture"] is not None:
        cultured_under = [
            _without(pool, _PER_WELL_ANTIBODY) if pool else None for pool in (resolved["antibody"], resolved["partner"])
        ]
        shared["cultured_under"] = canonical_json(cultured_under)
    return _hash(_joined(shared)).hex()[:8]
