"""MouseCondition: one mouse of a study, every number filled in, and the names that follow from it.

run_id   names the run file: a hash of everything in the condition.
run_key  seeds the generator: a hash of seed and mouse number and, unless runs are paired, of arm and physics.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar, NamedTuple

from adccsim.conditions import cost, tumour_size
from adccsim.conditions.cells import Binding, EffectorCells, TumourCells
from adccsim.conditions.section import Condition, Output, Section, joined, key_of

_NOT_PHYSICS = {"schema", "model", "random", "output", "seed", "arm", "mouse"}


class Clone(TumourCells, frozen=True, kw_only=True):
    """One kind of tumour cell of a tumour. fraction: of the cells at the start."""

    fraction: float
    growth_per_d: float
    cell_loss_factor: float
    her2_drift_per_division: float
    her2_loss_per_division: float


class Tissue(Section, frozen=True, kw_only=True):
    """The tumour as a tissue. fraction_simulated: of its cells; start_volume_mm3: of the whole tumour."""

    FORMER: ClassVar[Mapping[str, float]] = {
        "vessel_spread": 0.6,
        "crowding_relaxation_per_h": 0.25,
        "cohesion_um_per_h": 4.0,
        "cohesion_gain": 3.0,
        "opsonised_from": 0.01,
        "her2_cut_1_per_cell": 2e4,
        "her2_cut_2_per_cell": 1e5,
        "her2_cut_3_per_cell": 5e5,
    }
    start_volume_mm3: float
    fraction_simulated: float
    cells_per_mm3: float
    dead_clearance_per_d: float
    vessel_spacing_um: float
    capillary_radius_um: float
    permeability_um_per_s: float
    antibody_diffusion_um2_per_s: float
    void_fraction: float
    oxygen_limit_um: float
    oxygen_half: float
    hypoxic_below: float
    hypoxic_death_per_d: float
    perfused_fraction: float
    vessel_spread: float
    vessel_collapse_mm2_per_h: float
    crowding_relaxation_per_h: float
    cohesion_um_per_h: float
    cohesion_gain: float
    opsonised_from: float
    her2_cut_1_per_cell: float
    her2_cut_2_per_cell: float
    her2_cut_3_per_cell: float

    @property
    def her2_cuts_per_cell(self) -> tuple[float, float, float]:
        """HER2 per cell between the stains 0, 1+, 2+ and 3+."""
        return self.her2_cut_1_per_cell, self.her2_cut_2_per_cell, self.her2_cut_3_per_cell


class Strain(Section, frozen=True, kw_only=True):
    """The strain of mice: effectors relative to nude mice, and what becomes of antibody in its plasma."""

    name: str
    nk_density_factor: float
    myeloid_density_factor: float
    fcgr_factor: float
    human_nk_per_tumour_cell: float
    extra_clearance_factor: float
    extra_clearance_half_ug_per_ml: float
    weight_kg: float


class ResidentEffector(EffectorCells, frozen=True, kw_only=True):
    """One kind of effector in the tumour. base: the effector of the well whose numbers it shares."""

    base: str
    density_per_tumour_cell: float
    fcgr_gain: float
    contact_rate_per_h: float
    hop_per_h: float
    lifetime_h: float
    recruitment_max: float
    recruitment_half_per_d: float
    recruitment_time_d: float


class Residents(Section, frozen=True, kw_only=True):
    """The effectors of a tumour by kind; None: there are none."""

    nk: ResidentEffector | None
    myeloid: ResidentEffector | None
    human_nk: ResidentEffector | None


class AntibodyDrug(Binding, frozen=True, kw_only=True, tag_field="class", tag="antibody"):
    """An antibody given to a mouse: binding, and kinetics in plasma and tissue. antibody: its catalogue entry."""

    antibody: str
    tissue_kon_per_nM_h: float
    signalling_synergy: float
    central_volume_ml_per_kg: float
    peripheral_volume_ml_per_kg: float
    distribution_ml_per_d_kg: float
    clearance_ml_per_d_kg: float
    absorption_ip_per_d: float
    absorption_sc_per_d: float
    bioavailability_ip: float
    bioavailability_sc: float
    weight_loss_per_mg_kg: float | None = None  # no antibody of the catalogue costs weight; an overlay may say so
    weight_nadir_d: float | None = None


class SmallMolecule(Section, frozen=True, kw_only=True, tag_field="class", tag="small-molecule"):
    """A small molecule given to a mouse: half-life and simple effects on tumour cells. antibody: always ""."""

    antibody: str
    half_life_h: float
    transit_h: float
    dose_half_mg_per_kg: float
    kill_per_d: float
    birth_block: float
    her2_branch_block: float
    restored_response: float


Drug = AntibodyDrug | SmallMolecule


class Dose(Section, frozen=True, kw_only=True):
    """One dose of a drug on a day."""

    drug: str
    mg_per_kg: float
    route: str
    day: float


class WeighedDose(Section, frozen=True, kw_only=True):
    """A dose of a drug that costs body weight."""

    day: float
    mg_per_kg: float
    weight_loss_per_mg_kg: float
    weight_nadir_d: float


class BodyWeight(Section, frozen=True, kw_only=True):
    """The weight of a mouse without its tumour, and the doses that lower it (biology/body_weight.py)."""

    start_g: float
    adult_g: float
    gain_d: float
    tissue_g_per_mm3: float
    doses: tuple[WeighedDose, ...]


class CaliperError(NamedTuple):
    """The error of a caliper: sd(V) = coefficient max(V, floor)^power, V in mm3; below the limit the share stays."""

    coefficient: float
    power: float
    floor_mm3: float
    limit_of_quantification_mm3: float


class Study(Section, frozen=True, kw_only=True):
    """How long the study lasts, when tumours are measured and how well, and when a mouse leaves it."""

    days: float
    caliper_days: tuple[float, ...]
    endpoint_mm3: float
    caliper_error_coefficient: float
    caliper_error_power: float
    caliper_error_floor_mm3: float
    limit_of_quantification_mm3: float
    body_weight: BodyWeight | None = None

    @property
    def caliper_error(self) -> CaliperError:
        """The error of the caliper."""
        return CaliperError(
            self.caliper_error_coefficient,
            self.caliper_error_power,
            self.caliper_error_floor_mm3,
            self.limit_of_quantification_mm3,
        )


class MouseFactors(Section, frozen=True, kw_only=True):
    """How this mouse differs from the typical one: factors on growth, clearance, effector density and vessels per area;
    aspect: length over width of its tumour."""

    growth: float
    clearance: float
    effector_density: float
    vessels: float
    aspect: float


class SavedTumour(Section, frozen=True, kw_only=True):
    """The saved tumour that a mouse goes on from: its run, its hour and a digest of its arrays."""

    run_id: str
    tick: int
    content: str


class MouseOutput(Output, frozen=True, kw_only=True):
    """What the run file keeps. frames_every_h, frame_agents: with level frames only."""

    every_h: int
    save_days: tuple[float, ...]
    frames_every_h: int | None = None
    frame_agents: int | None = None


class MouseCondition(Condition, frozen=True, kw_only=True):
    """One mouse to run; see the head of the module for run_id and run_key.

    mouse: its number in the arm, from 1; lineage: a digest of tumour and strain before mice differ.
    """

    KIND: ClassVar[str] = "xenograft"
    saves: ClassVar[bool] = True
    arm: str
    mouse: int
    lineage: str
    clones: tuple[Clone, ...]
    tumour: Tissue
    strain: Strain
    effectors: Residents
    drugs: dict[str, Drug]
    doses: tuple[Dose, ...]
    study: Study
    mouse_factors: MouseFactors
    checkpoint: SavedTumour | None
    output: MouseOutput

    @cached_property
    def run_key(self) -> int:
        """Key of the run, in [0, 2**64). In paired mode mouse i has the same key in every arm."""
        members = self.members
        unit = {name: members[name] for name in ("seed", "mouse")}
        if self.random != "paired":
            physics = {key: text for key, text in self.physics_members.items() if key not in _NOT_PHYSICS}
            unit |= {"arm": members["arm"], "physics": joined(physics)}
        return key_of(unit)

    # -- what the run will take ------------------------------------------------------------------------------------
    @property
    def seconds(self) -> float:
        """Expected time on one core, in seconds."""
        return cost.mouse_seconds(self)

    @property
    def agent_hours(self) -> float:
        """Cells times hours of the simulated tumour."""
        return tumour_size.cell_hours(self)

    @property
    def memory_bytes(self) -> int:
        """Memory of the process that runs this mouse, at its largest."""
        return tumour_size.memory_bytes(self)
