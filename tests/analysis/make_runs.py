"""A small writer of run files with a known truth: the layout that analysis reads, none of the simulator.

The lysis of a well follows a four-parameter logistic in dose, scaled by E:T and by 1 - exp(-t/tau) in time.
"""

import copy
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np

MODEL = "well-1"
NO_EFFECTORS = {"et_ratio": 0.0, "nk_cells": 0, "other_cells": 0}


@dataclass(frozen=True)
class Truth:
    """Truth of a synthetic plate: logistic in dose (percent, ug/mL), raw read-out levels, noise SD (raw units)."""

    bottom: float = 6.0
    emax: float = 55.0
    ec50: float = 1e-3
    hill: float = 0.9
    blank: float = 0.1
    full_scale: float = 2.0
    spontaneous: float = 0.08
    effector_release: float = 0.01
    noise: float = 0.01
    tau_h: float = 1.5
    hook_above: float = np.inf
    hook_drop: float = 0.0
    donor_emax_sd: float = 0.0
    donor_log10_ec50_sd: float = 0.0

    def lysis(self, dose: float, et_ratio: float = 5.0, donor: tuple[float, float] = (0.0, 0.0)) -> float:
        """Specific lysis in % at the end; donor = (shift of Emax, shift of log10 EC50)."""
        ec50 = self.ec50 * 10 ** donor[1]
        fraction = dose**self.hill / (ec50**self.hill + dose**self.hill) if dose > 0 else 0.0
        top = self.emax + donor[0]
        value = self.bottom + (top - self.bottom) * fraction
        if dose > self.hook_above:
            value -= self.hook_drop
        return value * min(1.0, et_ratio / 5.0)


@dataclass
class Design:
    """What is run: all combinations of the lists, with controls."""

    doses: Iterable[float] = (0.0, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 0.1, 1.0)
    ratios: Iterable[float] = (5.0,)
    donors: int = 1
    replicates: int = 3
    cell_lines: Iterable[str] = ("SK-BR-3",)
    antibodies: Iterable[str] = ("trastuzumab",)
    readout: str = "LDH"
    hours: float = 4.0
    every_h: float = 0.5
    cells: int = 200
    controls: tuple[str, ...] = ("target_only", "effector_only")
    swept: dict[str, list] = field(default_factory=dict)
    extra: Callable[[dict], None] | None = None


def base_condition(design: Design) -> dict:
    """A resolved condition with the keys that analysis looks at, and some that it should not show."""
    return {
        "schema": 1, "kind": "well", "model": MODEL, "seed": 2026, "random": "independent", "role": "sample",
        "donor": 1, "replicate": 1,
        "targets": {"cell_line": "SK-BR-3", "cells": design.cells, "mechanism": "none", "her2_per_cell": 1e6},
        "effectors": {"type": "NK", "et_ratio": 5.0, "nk_cells": 0, "other_cells": 0, "genotype": "VF",
                      "donor_potency": 1.0, "nk_fraction": 1.0, "is_cell_line": False},
        "antibody": {"name": "trastuzumab", "dose_ug_per_ml": 0.0, "pre_incubation_min": 30, "kd_nM": 5.0},
        "partner": None,
        "well": {"format": "96-flat", "volume_ul": 200.0, "area_mm2": 2.0, "shape": "disc"},
        "assay": {"duration_h": design.hours, "readout": design.readout, "reader_cv": 0.0},
        "action": [], "culture": None, "output": {"level": "final", "every_min": 30},
    }  # fmt: skip


def make_study(out_dir: Path, design: Design, truth: Truth | Callable[[dict], Truth], seed: int = 1) -> list[dict]:
    """Write out_dir/runs/**.h5 and study.json; returns the conditions with run_id and plate."""
    rng = np.random.default_rng(seed)
    truth_of = truth if callable(truth) else lambda condition: truth
    shifts = {
        donor: (rng.normal(0, t.donor_emax_sd), rng.normal(0, t.donor_log10_ec50_sd))
        for donor in range(1, design.donors + 1)
        for t in [truth_of(base_condition(design))]
    }
    entries = []
    for condition in _conditions(design):
        plate = _plate(condition)
        run_id = _digest(condition)[:16]
        donor = shifts[condition["donor"]] if design.donors > 1 else (0.0, 0.0)
        write_run(out_dir, run_id, plate, condition, truth_of(condition), rng, donor)
        keys = ("role", "donor", "replicate")
        entries.append({"run_id": run_id, "plate": plate} | {key: condition[key] for key in keys})
    sweep = "".join(f"{json.dumps(key)} = {json.dumps(values)}\n" for key, values in design.swept.items())
    info = {
        "title": "Synthetic study",
        "scenario": f'schema = 1\ntitle = "Synthetic study"\n[sweep]\n{sweep}',
        "varied": _varied(design),
        "versions": {"adccsim": "0", "model": MODEL},
        "run_ids": sorted(entry["run_id"] for entry in entries),
        "conditions": entries,
    }
    (out_dir / "study.json").write_text(json.dumps(info))
    return entries


def write_run(
    out_dir: Path,
    run_id: str,
    plate: str,
    condition: dict,
    truth: Truth,
    rng: np.random.Generator,
    donor: tuple[float, float] = (0.0, 0.0),
    /,
    **meta: object,
) -> Path:
    """Write one run file; `meta` replaces attributes of /meta."""
    path = out_dir / "runs" / run_id[:2] / f"{run_id}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    hours = condition["assay"]["duration_h"]
    time = np.linspace(0, hours, round(hours * 60 / condition["output"]["every_min"]) + 1)
    signal, maximum, blank = _signals(condition, truth, time, rng, donor)
    attributes = {
        "schema_version": 1,
        "run_id": run_id,
        "plate": plate,
        "condition": json.dumps(condition, sort_keys=True),
        "model_version": MODEL,
    }
    with h5py.File(path, "w") as file:
        series = {"signal": signal, "signal_maximum": maximum, "signal_blank": blank}
        kills = _kills(condition, truth, rng, donor)
        series |= {"kills": kills.sum() * time / hours, "contacts": 3 * kills.size * time / hours}
        for name, values in series.items():
            _write(file, name, values, time)
        if kills.size:
            _write_histograms(file, kills, time, rng)
        _write_final(file, condition, truth, rng, donor, kills)
        group = file.create_group("meta")
        group.attrs.update(attributes | meta)
        group.attrs["status"] = meta.get("status", "complete")
    return path


def _conditions(design: Design) -> list[dict]:
    base = base_condition(design)
    base["output"]["every_min"] = design.every_h * 60
    found: dict[str, dict] = {}

    def add(condition: dict) -> None:
        found.setdefault(_digest(condition), condition)

    for line in design.cell_lines:
        for antibody in design.antibodies:
            for swept in _product(design.swept):
                for donor in range(1, design.donors + 1):
                    for replicate in range(1, design.replicates + 1):
                        plate = copy.deepcopy(base)
                        plate |= {"donor": donor, "replicate": replicate}
                        plate["targets"]["cell_line"] = line
                        plate["targets"]["her2_per_cell"] = 1e6 + 1000 * len(line) * ord(line[0])
                        plate["antibody"]["name"] = antibody
                        plate["effectors"]["donor_potency"] = 1.0 + 0.1 * donor
                        for key, value in swept.items():
                            table, name = key.split(".")
                            plate[table] = (plate[table] or {}) | {name: value}
                        if design.extra:
                            design.extra(plate)
                        for condition in _wells(plate, design):
                            add(condition)
    return list(found.values())


def _wells(plate: dict, design: Design) -> Iterable[dict]:
    for ratio in design.ratios:
        nk = round(ratio * design.cells)
        for dose in design.doses:
            well = copy.deepcopy(plate)
            well["effectors"] |= {"et_ratio": ratio, "nk_cells": nk}
            well["antibody"]["dose_ug_per_ml"] = dose
            if dose == 0 and ratio > 0:
                well["role"] = "no_antibody"
            yield well
        if "effector_only" in design.controls and ratio > 0:
            well = copy.deepcopy(plate)
            well["role"] = "effector_only"
            well["effectors"] |= {"et_ratio": ratio, "nk_cells": nk}
            well["targets"] |= {"cells": 0, "plate_cells": design.cells}
            yield well
    if "target_only" in design.controls:
        well = copy.deepcopy(plate)
        well["role"] = "target_only"
        well["effectors"] |= NO_EFFECTORS
        yield well


def _varied(design: Design) -> dict[str, list]:
    """What study.json says of the keys that this design varies."""
    lists = {
        "targets.cell_line": design.cell_lines, "antibody.name": design.antibodies,
        "effectors.et_ratio": design.ratios, "antibody.dose_ug_per_ml": design.doses,
    }  # fmt: skip
    return {key: list(values) for key, values in (lists | design.swept).items()}


def _product(swept: dict[str, list]) -> list[dict]:
    rows: list[dict] = [{}]
    for key, values in swept.items():
        if key.startswith(("antibody.dose", "effectors.et", "antibody.name", "targets.cell_line")):
            continue
        rows = [row | {key: value} for row in rows for value in values]
    return rows


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _plate(condition: dict) -> str:
    shared = copy.deepcopy(condition)
    for key in ("antibody", "partner", "role", "replicate", "action", "output", "random"):
        shared.pop(key)
    for key in NO_EFFECTORS:
        shared["effectors"].pop(key)
    shared["targets"]["cells"] = shared["targets"].pop("plate_cells", shared["targets"]["cells"])
    return _digest(shared)[:8]


def _signals(condition: dict, truth: Truth, time: np.ndarray, rng: np.random.Generator, donor: tuple) -> tuple:
    """(signal, maximum, blank) in raw units; the noise is drawn anew at every time."""
    assay, ratio = condition["assay"], condition["effectors"]["et_ratio"]
    targets = 1.0 if condition["targets"]["cells"] else 0.0
    with_nk = targets and ratio > 0
    dose = condition["antibody"]["dose_ug_per_ml"]
    acts = with_nk or assay["readout"] == "viability"
    lysis = truth.lysis(dose, ratio if with_nk else 5.0, donor) if targets and acts else 0.0
    progress = (1 - np.exp(-time / truth.tau_h)) / (1 - np.exp(-assay["duration_h"] / truth.tau_h))
    noise = rng.normal(0, truth.noise, time.size)
    scale = truth.full_scale
    if assay["readout"] in ("live-count", "viability"):
        grown = 2 ** (time / 48.0) if assay["readout"] == "viability" else np.ones_like(time)
        alive = targets * grown * (1 - lysis / 100 * progress)
        return truth.blank + scale * alive + noise, np.full(time.size, truth.blank), np.full(time.size, truth.blank)
    spontaneous = targets * truth.spontaneous * time / assay["duration_h"]
    dead = spontaneous + (1 - spontaneous) * targets * lysis / 100 * progress
    own = truth.effector_release * ratio if assay["readout"] == "LDH" else 0.0
    signal = truth.blank + scale * (dead + own) + noise
    return signal, np.full(time.size, truth.blank + scale * targets), np.full(time.size, truth.blank)


def _kills(condition: dict, truth: Truth, rng: np.random.Generator, donor: tuple) -> np.ndarray:
    nk, cells = condition["effectors"]["nk_cells"], condition["targets"]["cells"]
    if not nk or not cells:
        return np.zeros(0, dtype=int)
    ratio = condition["effectors"]["et_ratio"]
    mean = truth.lysis(condition["antibody"]["dose_ug_per_ml"], ratio, donor) / 100 * cells / nk
    return rng.poisson(max(mean, 0.0), nk)


def _write(file: h5py.File, name: str, values: np.ndarray, time: np.ndarray) -> None:
    group = file.create_group(f"observables/{name}")
    group.create_dataset("value", data=values).attrs["units"] = "1"
    group["time"] = time
    group["step"] = np.round(60 * time).astype(int)


def _write_histograms(file: h5py.File, kills: np.ndarray, time: np.ndarray, rng: np.random.Generator) -> None:
    counts = np.bincount(np.minimum(kills, 40), minlength=41)
    granules = np.bincount(np.minimum(rng.poisson(3, kills.size), 200), minlength=201)
    first = np.histogram(rng.uniform(0, time[-1], int((kills > 0).sum())), np.linspace(0, time[-1], 49))[0]
    edges = {"kills_per_nk": np.arange(42), "granules_left": np.arange(202)}
    for name, values in (("kills_per_nk", counts), ("granules_left", granules), ("time_to_first_kill_h", first)):
        _write(file, name, values[None, :], time[-1:])
        file[f"observables/{name}/edges"] = edges.get(name, np.linspace(0, time[-1], 49))


def _write_final(
    file: h5py.File, condition: dict, truth: Truth, rng: np.random.Generator, donor: tuple, kills: np.ndarray
) -> None:
    """Cells on a lattice inside the disc; enough for a picture, without the rules of the simulator."""
    radius = np.sqrt(condition["well"]["area_mm2"] / np.pi) / 0.01
    centre = np.ceil(radius) + 1
    n = condition["targets"]["cells"]
    where = rng.permutation(np.arange(int(radius * 1.2 // 3) ** 2))[:n]
    side = int(radius * 1.2 // 3)
    x, y = (centre - 0.6 * radius + 3 * part for part in (where % side, where // side))
    dose = condition["antibody"]["dose_ug_per_ml"]
    dead = rng.random(n) < truth.lysis(dose, condition["effectors"]["et_ratio"], donor) / 100
    angle, reach = rng.uniform(0, 2 * np.pi, kills.size), 0.95 * radius * np.sqrt(rng.random(kills.size))
    final = {
        "target_x": x.astype(np.int16),
        "target_y": y.astype(np.int16),
        "target_status": np.where(dead, rng.integers(1, 6, n), 0).astype(np.uint8),
        "target_her2": rng.lognormal(13.5, 0.5, n),
        "target_bound": dose / (dose + 0.01) * rng.lognormal(12, 0.5, n),
        "effector_x": (centre + reach * np.cos(angle)).astype(np.int16),
        "effector_y": (centre + reach * np.sin(angle)).astype(np.int16),
        "effector_state": rng.choice(4, kills.size, p=[0.6, 0.25, 0.1, 0.05]).astype(np.uint8),
        "effector_kills": kills,
    }
    for name, values in final.items():
        file[f"final/{name}"] = values


__all__ = ["Design", "Truth", "base_condition", "make_study", "replace", "write_run"]
