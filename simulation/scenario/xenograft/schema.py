"""Schema of kind "xenograft": every key of a study in mice, with its type, bounds and unit.

Rules as in schema.py: frozen tables, no unknown keys, strict types. A number of [tumour], [[tumour.clone]], [mouse] or
[study] that is also a catalogue number is optional: left out, the catalogue entry holds.
"""

import itertools
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from adccsim.conditions.levels import Level
from adccsim.parameters import lookup
from adccsim.scenario.tables import SCHEMA_VERSION, SHORTEST_H, Count, Loaded, Number, Table, described, quantity

ROUTES = ("iv", "ip", "sc", "po")
LONGEST_D = 365.0


def _on_the_hour(days: float) -> float:
    hours = round(days * 24)
    if abs(days * 24 - hours) > 1e-6:
        raise ValueError(f"must be a multiple of 1 h (1/24 d); the nearest is {hours / 24:.6g}")
    return hours / 24


def _rising(days: tuple[float, ...]) -> tuple[float, ...]:
    if any(later <= earlier for earlier, later in itertools.pairwise(days)):
        raise ValueError("must rise from one entry to the next")
    return days


Day = Annotated[Number, Field(ge=0, le=LONGEST_D), AfterValidator(_on_the_hour)]
Days = Annotated[tuple[Day, ...], Field(strict=False, min_length=1, max_length=1000), AfterValidator(_rising)]


class Clone(Table):
    """[[tumour.clone]]: one kind of tumour cell; several make a mixed tumour."""

    cell_line: str = Field(description="catalogue entry; `adcc list tumours` shows the lines known in mice")
    fraction: Number = Field(default=1.0, gt=0, le=1, description="share of the cells at the start")
    mechanism: str = Field(default="none", description="named resistance or modulation mechanism of the catalogue")
    reason: str = Field(default="", description="free text: why a number is not the catalogue's")

    growth_per_d: Number | None = quantity("net exponential growth of a small tumour", "1/d", high=1, above=True)
    cell_loss_factor: Number | None = quantity("deaths over births without drug", "1", high=0.95)
    her2_drift_per_division: Number | None = quantity("chance that a daughter has HER2 1/16 octave off", "1")
    her2_loss_per_division: Number | None = quantity("chance that a daughter loses HER2 for good", "1")
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
    death_time_h: Number | None = quantity("commitment to death, mean", "h", high=1e3, low=SHORTEST_H)
    direct_effect_max: Number | None = quantity("largest block of division by antibody", "1")
    direct_response: Number | None = quantity("sensitivity of the direct effect (0: resistant)", "1")
    direct_occupancy_half: Number | None = quantity("occupancy of half direct effect", "1", high=10, above=True)
    contact_fraction: Number | None = quantity("share of the target surface in one contact", "1")


class Tumour(Table):
    """[tumour]: size, scale and tissue."""

    start_volume_mm3: Number = Field(gt=0, le=5000, description="mean volume at randomisation [mm3]")
    fraction_simulated: Number = Field(default=0.01, gt=0, le=1, description="share of the cells simulated; 1: all")
    clone: tuple[Clone, ...] = Field(strict=False, min_length=1, max_length=16)

    cells_per_mm3: Number | None = quantity("tumour cells per volume", "1/mm3", low=2e4, high=1e6)
    dead_clearance_per_d: Number | None = quantity("clearance of dead cells", "1/d", high=24, above=True)
    vessel_spacing_um: Number | None = quantity("half the distance between capillaries", "um", low=20, high=500)
    permeability_um_per_s: Number | None = quantity("permeability of vessels to IgG", "um/s", high=1)
    antibody_diffusion_um2_per_s: Number | None = quantity("diffusion of IgG in the tissue", "um2/s", high=1000)
    oxygen_limit_um: Number | None = quantity("diffusion distance of oxygen", "um", low=20, high=1000)
    oxygen_half: Number | None = quantity("oxygen that halves births", "1", above=True)
    hypoxic_death_per_d: Number | None = quantity("death without oxygen", "1/d", high=24)
    perfused_fraction: Number | None = quantity("share of vessels with blood", "1", above=True)
    vessel_spread: Number | None = quantity("half the range of vessels per patch over their mean", "1")
    cohesion_um_per_h: Number | None = quantity(
        "speed at which the surroundings press the tumour round", "um/h", high=100
    )
    vessel_collapse_mm2_per_h: Number | None = quantity(
        "flow potential of growth that halves a vessel's supply; 0: none", "mm2/h", high=1e6
    )


class Mouse(Table):
    """[mouse]: the strain, and how far mice differ (0: not at all)."""

    strain: str = Field(default="nude", description="catalogue entry; `adcc list mice` shows them")
    start_volume_cv: Number | None = quantity("spread of the volume at randomisation", "1", high=1)
    enrolment_low_mm3: Number | None = quantity("smallest caliper volume at randomisation", "mm3", high=5000)
    enrolment_high_mm3: Number | None = quantity("largest caliper volume at randomisation", "mm3", high=1e4)
    growth_log_sd: Number | None = quantity("spread of growth (SD of the log)", "1")
    clearance_log_sd: Number | None = quantity("spread of drug clearance (SD of the log)", "1")
    effector_density_log_sd: Number | None = quantity("spread of effector density (SD of the log)", "1", high=2)
    vessel_log_sd: Number | None = quantity("spread of vessels per area (SD of the log)", "1")
    nk_density_factor: Number | None = quantity("NK cells, over those of nude mice", "1", high=100)
    myeloid_density_factor: Number | None = quantity("myeloid cells, over those of nude mice", "1", high=100)
    human_nk_per_tumour_cell: Number | None = quantity("transferred human NK", "1/cell")


class Study(Table):
    """[study]: how long, how tumours are measured, and when a mouse leaves."""

    days: Day = Field(gt=0, le=LONGEST_D, description="length from randomisation [d]")
    caliper_days: Days | None = Field(default=None, description="days of reading; default twice weekly and the last")
    endpoint_mm3: Number = Field(default=1500.0, gt=0, le=20_000, description="caliper volume at which a mouse leaves")
    caliper_error_coefficient: Number | None = quantity("size of the caliper error; 0: none", "mm3", high=2)
    body_weight: bool = Field(default=False, description="weigh the mice, with their tumours, on the days of reading")


class Dose(Table):
    """[[arm.dose]]: one drug at one dose on some days; a loading dose is an entry of its own."""

    drug: str = Field(description="catalogue entry; `adcc list drugs` shows them")
    mg_per_kg: Number = Field(gt=0, le=2000, description="dose per body weight [mg/kg]")
    route: Literal["iv", "ip", "sc", "po"] = Field(description="iv | ip | sc | po")
    days: Days = Field(description="days of dosing, from randomisation")


def _shown(name: str) -> str:
    if not name.isprintable():
        raise ValueError("must be on one line, of characters that can be shown")
    return name


class Arm(Table):
    """[[arm]]: a group of mice with one treatment; no dose is the vehicle."""

    name: Annotated[str, AfterValidator(_shown)] = Field(
        min_length=1, max_length=80, description="unique; vehicle, control or untreated is the control"
    )
    mice: Count = Field(ge=1, le=1000, description="mice of the arm: the units of the statistics")
    strain: str | None = Field(default=None, description="another strain than [mouse] for this arm")
    start_volume_mm3: Number | None = Field(default=None, gt=0, le=5000, description="another start volume [mm3]")
    clone: tuple[Clone, ...] = Field(default=(), strict=False, max_length=16, description="another tumour for this arm")
    dose: tuple[Dose, ...] = Field(default=(), strict=False, max_length=200)


class Branch(Table):
    """[branch]: every mouse starts from one saved tumour instead of a new one."""

    checkpoint: str = Field(min_length=1, max_length=1000, description="checkpoint file, next to this file or absolute")


class XenograftOutput(Table):
    """[output]: what a mouse's run file keeps; each level includes the one before."""

    level: Level = Field(default="final", description="what is stored")
    every_h: Count = Field(default=24, ge=1, le=8760, description="time between observations [h]")
    frames_every_h: Count | None = Field(default=None, ge=1, le=8760, description="between frames (level frames) [h]")
    frame_agents: Count | None = Field(
        default=None,
        ge=100,
        le=10_000_000,
        description="most cells and most effectors of a frame, of more every n-th (level frames); default 1e5",
    )
    save_days: Days | None = Field(default=None, description="days on which the tumour is saved, to branch from")


class XenograftScenario(Loaded):
    """A whole study in mice. Built by load.py, which also checks what a single table cannot know."""

    schema_version: int = Field(alias="schema", ge=1, le=SCHEMA_VERSION, description="version of this file format")
    title: str = Field(default="", description="free text")
    kind: Literal["xenograft"] = Field(description="xenograft")
    seed: Count = Field(default=1, ge=0, lt=2**63, description="seed of all random numbers")
    random: Literal["independent", "paired"] = Field(
        default="independent", description="paired: the same mice, with the same random numbers, in every arm"
    )
    catalogue: tuple[str, ...] = Field(default=(), strict=False, description="overlay files; later wins per key")
    tumour: Tumour
    mouse: Mouse = Field(default_factory=Mouse)
    study: Study
    arm: tuple[Arm, ...] = Field(strict=False, min_length=1, max_length=200)
    branch: Branch | None = None
    output: XenograftOutput = Field(default_factory=XenograftOutput)
    sweep: dict[str, tuple[Any, ...]] = Field(
        default_factory=dict, strict=False, description="dotted key = list of values; each gives one study"
    )

    @property
    def compare(self) -> None:
        """A study in mice cannot be compared with data yet."""
        return None


TABLES: dict[str, type[Table]] = {
    "tumour": Tumour,
    "mouse": Mouse,
    "study": Study,
    "branch": Branch,
    "output": XenograftOutput,
}
LISTS: dict[str, type[Table]] = {"tumour.clone": Clone, "arm": Arm, "arm.dose": Dose, "arm.clone": Clone}

_CLONE_IDENTITY = {"cell_line", "fraction", "mechanism", "reason"}
_NOT_TISSUE = {"start_volume_mm3", "fraction_simulated", "clone"}


def clone_numbers() -> tuple[str, ...]:
    """Catalogue numbers that a clone may override."""
    return tuple(name for name in Clone.model_fields if name not in _CLONE_IDENTITY)


def tissue_numbers() -> tuple[str, ...]:
    """Catalogue numbers that [tumour] may override."""
    return tuple(name for name in Tumour.model_fields if name not in _NOT_TISSUE)


def mouse_numbers() -> tuple[str, ...]:
    """Catalogue numbers that [mouse] may override."""
    return tuple(name for name in Mouse.model_fields if name != "strain")


def sweepable() -> dict[str, type[Table]]:
    """Dotted key -> table model, for every key that [sweep] accepts: what holds for all arms alike."""
    keys = {f"tumour.{name}": Tumour for name in Tumour.model_fields if name != "clone"}
    return keys | {f"mouse.{name}": Mouse for name in Mouse.model_fields}


def all_keys() -> list[str]:
    """Every dotted key of a xenograft scenario (list tables without their index)."""
    top = [info.alias or name for name, info in XenograftScenario.model_fields.items()]
    inner = [f"{table}.{name}" for table, model in (TABLES | LISTS).items() for name in model.model_fields]
    return top + inner


def xenograft_json_schema() -> dict:
    """JSON schema of a study in mice."""
    known = lookup.load()
    examples = (
        ("Clone", "cell_line", known.tumours),
        ("Clone", "mechanism", known.mechanisms),
        ("Mouse", "strain", known.mice),
        ("Arm", "strain", known.mice),
        ("Dose", "drug", known.drugs),
    )
    return described(XenograftScenario, "adccsim scenario of kind xenograft", sweepable(), examples)
