"""Schema of a well: every key that its scenario file may hold, with its type, bounds and unit.

Whatever needs two keys at once, or the catalogue, is checked in checks.py.

A field of [targets], [effectors] or [antibody] that is also a catalogue number is optional here: left out, the
catalogue entry holds; given, it replaces the entry's number (and can be swept).
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from adccsim.conditions.levels import Level
from adccsim.parameters import lookup
from adccsim.scenario.tables import (
    SCHEMA_VERSION,
    SHORTEST_H,
    Count,
    Loaded,
    Number,
    Table,
    described,
    located,
    quantity,
)


def _on_the_minute(hours: float) -> float:
    minutes = round(hours * 60)
    if abs(hours * 60 - minutes) > 1e-3:
        raise ValueError(f"must be a multiple of 1 min (1/60 h); the nearest is {minutes / 60:.6g}")
    if hours > 0 and minutes == 0:
        raise ValueError("must be at least 1 min (1/60 h)")
    return minutes / 60  # equal times get equal digits: 0.3333333 h and 1/3 h are one condition


def _ten_um(side: int) -> int:
    if side % 10:
        raise ValueError("must be a multiple of 10 um, the side of a grid site")
    return side


def _only_true(value: bool) -> bool:
    if not value:
        raise ValueError("must be true; leave the action out instead")
    return value


Hours = Annotated[Number, AfterValidator(_on_the_minute)]
Flag = Annotated[bool, AfterValidator(_only_true)]


class Targets(Table):
    """[targets]: the tumour cells of the well."""

    cell_line: str = Field(description="catalogue entry; `adcc list cell-lines` shows them")
    cells: Count | None = Field(
        default=None, ge=1, le=10**15, description="targets seeded per well; default by well format"
    )
    mechanism: str = Field(default="none", description="named resistance or modulation mechanism of the catalogue")

    her2_per_cell: Number | None = quantity("HER2 copies, mean of the line", "1/cell", high=1e8)
    her2_cv: Number | None = quantity("cell-to-cell coefficient of variation of HER2", "1", high=3)
    her2_null_fraction: Number | None = quantity("share of cells without HER2", "1")
    p95_fraction: Number | None = quantity("share of HER2 truncated to p95 (no antibody site)", "1")
    masked_fraction: Number | None = quantity("share of HER2 masked by mucins", "1")
    her2_internalisation_per_h: Number | None = quantity("net loss of HER2 from the surface", "1/h", high=100)
    modulation_factor: Number | None = quantity("internalisation of bound over free HER2", "1", high=1e3)
    hits_to_kill: Number | None = quantity("lytic hits that commit a typical target", "1", low=1, high=8)
    hits_log_sd: Number | None = quantity("spread of the hits to kill (SD of the log)", "1", high=3)
    repair_time_h: Number | None = quantity("time to repair one hit", "h", high=1e6, low=SHORTEST_H)
    death_time_h: Number | None = quantity("commitment to release, mean", "h", high=1e3, low=SHORTEST_H)
    spontaneous_death_per_h: Number | None = quantity("death without effectors, assays up to a day", "1/h", high=10)
    culture_death_per_h: Number | None = quantity("death without effectors, assays over a day", "1/h", high=10)
    clearance_time_h: Number | None = quantity("time until a dead cell leaves its place", "h", high=1e6, low=SHORTEST_H)
    doubling_time_h: Number | None = quantity("doubling time", "h", high=1e6, low=0.1)
    direct_effect_max: Number | None = quantity("largest block of division by antibody", "1")
    direct_response: Number | None = quantity("sensitivity of the direct effect (0: resistant)", "1")
    direct_occupancy_half: Number | None = quantity("occupancy of half direct effect", "1", high=10, above=True)
    direct_onset_h: Number | None = quantity("time constant of the direct effect", "h", high=1e3, low=SHORTEST_H)
    natural_sensitivity: Number | None = quantity("factor on the natural cytotoxicity's hit rate", "1", high=1e3)
    growth_block: Number | None = quantity("share of divisions blocked by other drugs", "1")
    contact_fraction: Number | None = quantity("share of the target surface in one contact", "1")


class Effectors(Table):
    """[effectors]: the preparation that is added to the targets."""

    type: str = Field(description="catalogue entry; `adcc list effectors` shows them")
    et_ratio: Number = Field(ge=0, le=1e4, description="effector cells per target; 0 is the target-only control")
    donors: Count = Field(default=1, ge=1, le=1000, description="1: the typical donor; more are drawn from the seed")
    genotype: Literal["VV", "VF", "FF", "population"] | None = Field(
        default=None, description="CD16a-158 genotype; population draws it per donor"
    )

    nk_fraction: Number | None = quantity("share of NK cells in the preparation", "1")
    cd16a_per_cell: Number | None = quantity("CD16a copies, mean", "1/cell", high=1e7)
    cd16a_cv: Number | None = quantity("cell-to-cell coefficient of variation of CD16a", "1", high=3)
    speed_um_per_min: Number | None = quantity("speed while searching", "um/min", high=60)
    persistence_min: Number | None = quantity("time between changes of direction", "min", high=1e4, above=True)
    motility: Number | None = quantity("factor on hops and turns", "1", high=20)
    immobile_fraction: Number | None = quantity("share of NK cells that never move", "1")
    memory_fade_per_h: Number | None = quantity("rate of forgetting the last target", "1/h", high=1e3)
    conjugation_min: Number | None = quantity("conjugation per encounter without bridges", "1")
    conjugation_max: Number | None = quantity("conjugation per encounter with saturating bridges", "1")
    conjugate_lifetime_h: Number | None = quantity("lifetime of a conjugate", "h", high=1e3, low=SHORTEST_H)
    post_kill_attachment_h: Number | None = quantity("stay on a dying target", "h", high=1e3, low=SHORTEST_H)
    shedding_detachment: Number | None = quantity("faster detachment when CD16a is shed", "1", high=100)
    antibody_hit_per_h: Number | None = quantity("hit rate of the ADCC pathway at full signal", "1/h", high=100)
    natural_hit_per_h: Number | None = quantity("hit rate of the natural cytotoxicity", "1/h", high=100)
    natural_competent_fraction: Number | None = quantity("fraction of NK cells with natural cytotoxicity", "1")
    antibody_competent_fraction: Number | None = quantity("share of NK cells with an ADCC pathway", "1")
    potency_log_sd: Number | None = quantity("spread of potency between cells (SD of the log)", "1", high=3)
    potency_cap: Number | None = quantity("largest potency of a cell", "1", high=100, above=True)
    bridges_half: Number | None = quantity("bridges of half signal", "1", high=1e6, above=True)
    bridges_hill: Number | None = quantity("steepness of the signal in bridges", "1", high=10, above=True)
    cd16a_shedding_per_h: Number | None = quantity("loss of CD16a in contact at full signal", "1/h", high=100)
    granules_mean: Number | None = quantity("lytic granule loads per cell, mean", "1", low=1, high=200)
    granule_reload_h: Number | None = quantity("time constant of reloading", "h", high=1e6, low=SHORTEST_H)
    contact_fraction: Number | None = quantity("share of the NK surface in one contact", "1")
    death_per_h: Number | None = quantity("effector death", "1/h", high=10)
    death_per_kill: Number | None = quantity("chance to die of a kill", "1")
    late_killing_per_h: Number | None = quantity("death-receptor kills of granule-empty NK", "1/h", high=100)
    ldh_content: Number | None = quantity("LDH of one effector over that of one target", "1", high=10)
    donor_potency_log_sd: Number | None = quantity("donors: spread of potency (SD of the log)", "1", high=3)
    donor_motility_log_sd: Number | None = quantity("donors: spread of motility (SD of the log)", "1", high=3)
    donor_bridges_log10_sd: Number | None = quantity("donors: spread of bridges_half (SD of log10)", "1", high=2)
    donor_purity_log_sd: Number | None = quantity("donors: spread of nk_fraction (SD of the log)", "1", high=3)
    genotype_ff_fraction: Number | None = quantity("donors: weight of genotype FF in a population", "1")
    genotype_vf_fraction: Number | None = quantity("donors: weight of genotype VF in a population", "1")
    genotype_vv_fraction: Number | None = quantity("donors: weight of genotype VV in a population", "1")


class Antibody(Table):
    """[antibody]: what is added, how much, and how long before the effectors."""

    name: str = Field(description="catalogue entry; `adcc list antibodies` shows them")
    dose_ug_per_ml: Number = Field(ge=0, le=1e5, description="final concentration after all additions [ug/mL]")
    pre_incubation_min: Count = Field(
        default=30, ge=0, le=10_080, description="antibody on targets before effectors [min]"
    )
    wash_after_opsonisation: bool = Field(default=False, description="remove free antibody before effectors are added")
    epitope: Literal["IV", "II", "none"] | None = Field(
        default=None, description="HER2 domain: IV trastuzumab, II pertuzumab"
    )
    partner: str | None = Field(default=None, description='second antibody at the same dose; "" for none')

    molar_mass_kda: Number | None = quantity("molar mass", "kDa", low=10, high=1000)
    kon_per_nM_h: Number | None = quantity("association per Fab (0: no binding)", "1/(nM h)", high=1e4)
    kd_nM: Number | None = quantity("microscopic dissociation constant of one Fab", "nM", high=1e6, above=True)
    cross_link_per_receptor: Number | None = quantity("cross-link constant per receptor", "1", high=1)
    one_arm_weight: Number | None = quantity("weight in bridges of an antibody held by one arm", "1")
    k16_v158_nM: Number | None = quantity("Fc to CD16a-V158 dissociation constant", "nM", high=1e9, above=True)
    k16_f158_ratio: Number | None = quantity("F158 over V158 dissociation constant", "1", high=100, above=True)
    k2_bridges: Number | None = quantity("two-dimensional constant of bridge formation", "1", high=1e12, above=True)
    fc_gain: Number | None = quantity("Fc affinity over fucosylated IgG1 (0: no Fc)", "1", high=1e3)
    direct_effect: Number | None = quantity("factor on the direct effect", "1", high=10)


class Well(Table):
    """[well]: the vessel and its medium."""

    format: str = Field(default="96-flat", description="catalogue entry; `adcc list wells` shows them")
    volume_ul: Number | None = Field(default=None, gt=0, le=1e5, description="volume; default by format [uL]")
    serum_igg_g_per_l: Number = Field(default=0.0, ge=0, le=100, description="IgG of serum in the medium [g/L]")
    rim_excess: Number = Field(
        default=0.0, ge=0, le=1, description="share of targets that settle in the outer rim (edge effect)"
    )
    microwell_side_um: Annotated[Count, AfterValidator(_ten_um)] | None = Field(
        default=None, ge=30, le=2000, description="side of one compartment of a microwell chip [um]"
    )
    targets_per_microwell: Count | None = Field(
        default=None, ge=1, le=10_000, description="targets in one compartment of a microwell chip"
    )


class Assay(Table):
    """[assay]: how long, and what is measured."""

    duration_h: Hours = Field(gt=0, le=8760, description="from the addition of effectors; multiple of 1 min [h]")
    readout: str = Field(description="catalogue entry; `adcc list readouts` shows them")
    reader_cv: Number = Field(default=0.0, ge=0, le=1, description="coefficient of variation of the reader")
    fc_null_control: bool = Field(default=False, description="add a twin without Fc to every well with antibody")


class Action(Table):
    """[[action]]: one thing that a hand does during the run."""

    at_h: Hours = Field(ge=0, le=8760, description="time after the addition of effectors; multiple of 1 min [h]")
    add_antibody_ug_per_ml: Number | None = Field(default=None, gt=0, le=1e5, description="added to the well [ug/mL]")
    wash: Flag | None = Field(default=None, description="true: replace the medium, free antibody goes")
    add_effectors: Count | None = Field(default=None, ge=1, le=10**12, description="effector cells added")
    wash_effectors: Flag | None = Field(default=None, description="true: remove the effectors")


class Culture(Table):
    """[culture]: passaging of the targets under antibody before the assay."""

    days: Number = Field(ge=0, le=3650, description="length of the culture; 0: the parental cells [d]")
    passage_interval_days: Number = Field(gt=0, le=365, description="time between passages [d]")
    split_ratio: Number = Field(gt=1, le=1e4, description="1 part in this many is carried on at a passage")
    medium_change_days: Number | None = Field(
        default=None, gt=0, le=365, description="fresh medium and antibody every; default at passages only [d]"
    )
    dose_steps_ug_per_ml: tuple[Annotated[Number, Field(ge=0, le=1e5)], ...] = Field(
        min_length=1, max_length=1000, strict=False, description="concentrations, each for an equal time [ug/mL]"
    )
    mutation_rate_per_division: Number = Field(ge=0, le=1, description="chance that a daughter is resistant")
    resistant_direct_response: Number | None = Field(
        default=None, ge=0, le=1, description="direct_response of resistant cells; default 0"
    )


class Output(Table):
    """[output]: what the run file keeps; each level includes the one before."""

    level: Level = Field(default="final", description="what is stored")
    every_min: Count | None = Field(
        default=None, ge=1, le=525_600, description="time between observations; 10 up to 24 h, else 60 [min]"
    )
    frames_every_min: Count | None = Field(
        default=None, ge=1, le=525_600, description="time between frames (level frames); default every_min [min]"
    )


class Compare(Table):
    """[compare]: the measurement that this scenario mirrors; the runs do not depend on it."""

    data: str = Field(min_length=1, max_length=1000, description="observed values (CSV), next to this file")
    role: Literal["independent data", "calibration data"] = Field(
        default="independent data", description="calibration data: numbers of the catalogue were fitted to it"
    )
    title: str = Field(default="", description="free text: the experiment")
    citation: str = Field(default="", description="free text: who measured it, and where it is published")
    doi: str = Field(default="", description="free text")
    note: str = Field(default="", description="free text: what is not known of the experiment and was assumed")
    same_laboratory_pct: Number = Field(
        default=10.0, gt=0, le=100, description="by how much a mean moves when the laboratory repeats it [points]"
    )
    other_laboratory_pct: Number = Field(
        default=20.0, gt=0, le=100, description="by how much a mean moves in another laboratory [points]"
    )
    same_laboratory_ec50_fold: Number = Field(default=3.0, gt=1, le=1e4, description="the same for an EC50 [fold]")
    other_laboratory_ec50_fold: Number = Field(default=10.0, gt=1, le=1e4, description="the same for an EC50 [fold]")


class Sensitivity(Table):
    """[sensitivity]: which catalogue numbers are varied over their range, and what of the swept wells is watched."""

    keys: tuple[str, ...] = Field(
        min_length=2, max_length=100, strict=False, description="dotted keys of [targets], [effectors], [antibody]"
    )
    outputs: tuple[Literal["specific_lysis_pct", "adcc_pct", "natural_killing_pct"], ...] = Field(
        default=("specific_lysis_pct",), min_length=1, strict=False, description="watched at every point of [sweep]"
    )
    method: Literal["morris", "sobol", "morris+sobol"] = Field(
        default="morris+sobol", description="morris+sobol: the strongest keys of Morris go on to Sobol"
    )
    trajectories: Count = Field(default=20, ge=4, le=10_000, description="Morris: paths of keys + 1 points each")
    samples: Count = Field(default=128, ge=8, le=2**16, description="Sobol: a power of 2, times keys + 2 points")
    strongest: Count = Field(default=6, ge=2, le=100, description="morris+sobol: keys that go on to Sobol")


class Calibrate(Table):
    """[calibrate]: catalogue numbers that are fitted to the measurement of [compare], and how; runs ignore it.

    The optimiser starts from the catalogue; a posterior by ABC-SMC needs the extra `calibrate`, one by emulator none.
    """

    free: dict[str, list[Number]] = Field(
        min_length=1,
        max_length=100,
        description='"kind.entry.field" = [low, high], or [] for the range of the catalogue; entry default is shared',
    )
    experiments: tuple[str, ...] = Field(
        default=(), strict=False, max_length=100, description="further scenarios with [compare], fitted together"
    )
    donors: Count = Field(default=24, ge=2, le=1000, description="donors of every experiment, drawn from the seed")
    cells: Count = Field(default=500, ge=50, le=10**6, description="targets per well; area and volume shrink with them")
    evaluations: Count = Field(default=200, ge=0, le=10**7, description="points that the optimiser may ask for")
    method: Literal["ABC-SMC", "emulator"] = Field(default="ABC-SMC", description="how the posterior is sampled")
    population: Count = Field(
        default=100, ge=0, le=10**5, description="particles (ABC-SMC) or points (emulator) per generation; 0: none"
    )
    generations: Count = Field(default=5, ge=1, le=1000, description="generations of ABC-SMC, rounds of the emulator")


class Scenario(Loaded):
    """A whole scenario. Built by load.py, which also checks what a single table cannot know."""

    schema_version: int = Field(alias="schema", ge=1, le=SCHEMA_VERSION, description="version of this file format")
    title: str = Field(default="", description="free text")
    kind: Literal["well"] = Field(description="well")
    seed: Count = Field(default=1, ge=0, lt=2**63, description="seed of all random numbers")
    replicates: Count = Field(default=1, ge=1, le=96, description="technical wells per condition and donor")
    random: Literal["independent", "paired"] = Field(
        default="independent", description="paired: the same random numbers in every arm"
    )
    catalogue: tuple[str, ...] = Field(default=(), strict=False, description="overlay files; later wins per key")
    targets: Targets
    effectors: Effectors
    antibody: Antibody
    well: Well = Field(default_factory=Well)
    assay: Assay
    action: tuple[Action, ...] = Field(default=(), strict=False, max_length=1000)
    culture: Culture | None = None
    output: Output = Field(default_factory=Output)
    compare: Compare | None = None
    calibrate: Calibrate | None = None
    sensitivity: Sensitivity | None = None
    sweep: dict[str, tuple[Any, ...]] = Field(
        default_factory=dict, strict=False, description="dotted key = list of values; all combinations are run"
    )

    @property
    def compare_data(self) -> Path | None:
        """The file of [compare], resolved against the folder of the scenario file."""
        return located(self._origin.folder, self.compare.data) if self.compare else None

    @property
    def calibrate_experiments(self) -> list[Path]:
        """The further scenarios of [calibrate], resolved against the folder of the scenario file."""
        return [located(self._origin.folder, name) for name in self.calibrate.experiments] if self.calibrate else []


TABLES: dict[str, type[Table]] = {
    "targets": Targets,
    "effectors": Effectors,
    "antibody": Antibody,
    "well": Well,
    "assay": Assay,
    "culture": Culture,
    "output": Output,
    "compare": Compare,
    "calibrate": Calibrate,
    "sensitivity": Sensitivity,
}

# One value per file by nature: units of the design, or what is written.
_NOT_SWEPT = {"effectors.donors", "assay.fc_null_control"}

_IDENTITY = {"cell_line", "cells", "mechanism", "type", "et_ratio", "donors", "genotype", "name", "dose_ug_per_ml"}
_HANDLING = {"pre_incubation_min", "wash_after_opsonisation", "epitope", "partner"}


@cache  # asked for every well of a sweep
def overridable(table: str) -> tuple[str, ...]:
    """Catalogue numbers that a user may override in [targets], [effectors] or [antibody]."""
    return tuple(name for name in TABLES[table].model_fields if name not in _IDENTITY | _HANDLING)


def sweepable() -> dict[str, type[Table]]:
    """Dotted key -> table model, for every key that [sweep] accepts."""
    return {
        f"{table}.{name}": model
        for table, model in TABLES.items()
        if table not in ("output", "compare", "calibrate", "sensitivity")
        for name in model.model_fields
        if f"{table}.{name}" not in _NOT_SWEPT
    }


def all_keys() -> list[str]:
    """Every dotted key of a scenario file (list tables without their index)."""
    top = [info.alias or name for name, info in Scenario.model_fields.items()]
    inner = [f"{table}.{name}" for table, model in TABLES.items() for name in model.model_fields]
    return top + inner + [f"action.{name}" for name in Action.model_fields]


def json_schema() -> dict:
    """JSON schema of a well scenario."""
    known = lookup.load()
    examples = (
        ("Targets", "cell_line", known.cell_lines),
        ("Targets", "mechanism", known.mechanisms),
        ("Effectors", "type", known.effectors),
        ("Antibody", "name", known.antibodies),
        ("Well", "format", known.wells),
        ("Assay", "readout", known.readouts),
    )
    return described(Scenario, "adccsim scenario", sweepable(), examples)
