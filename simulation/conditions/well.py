"""WellCondition: one well of an ADCC assay, every number filled in, and the names and rules that follow from it.

run_id   names the run file: a hash of everything in the condition.
run_key  seeds the generator: a hash of seed and unit (donor, replicate) and, unless runs are paired, of the physics.
plate    groups wells that share controls.

None of them sees the title, the rest of the sweep, the order of a file, a shard or a worker. Numbers must already be
coerced (a float field holds 5.0, never 5): equal conditions have equal text.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import msgspec
from msgspec.structs import replace

from adccsim.conditions import cost, geometry
from adccsim.conditions.cells import Binding, EffectorCells, TumourCells
from adccsim.conditions.section import Condition, Output, Section, canonical_json, digest, joined, key_of, text_without

GROWTH_FROM_H = 24.0  # cells divide, and the direct effect acts, only in assays longer than this and in culture

# Not physics: how a run is named, written or grouped. Role is left out so that a control and an equal sample agree.
_NOT_PHYSICS = {"schema", "model", "random", "role", "output", "seed", "donor", "replicate"}
_NOT_PLATE = {"antibody", "partner", "role", "replicate", "action", "output", "random"}
_PER_WELL_EFFECTORS = frozenset({"et_ratio", "nk_cells", "other_cells"})
# Of the antibody that cells were cultured under, what the assay itself varies from well to well.
_PER_WELL_ANTIBODY = frozenset({"dose_ug_per_ml", "wash_after_opsonisation", "fc_gain"})


class Targets(TumourCells, frozen=True, kw_only=True):
    """The tumour cells of a well. plate_cells: of a well without targets, how many the wells of its plate hold."""

    cells: int
    plate_cells: int | None = None

    @cached_property
    def plate_text(self) -> str:
        """Canonical JSON of what the wells of a plate share: those without targets count as the others."""
        if self.plate_cells is None:
            return self.text
        return replace(self, cells=self.plate_cells, plate_cells=None).text


class Effectors(EffectorCells, frozen=True, kw_only=True):
    """The effectors of a well: nk_cells of them NK, the others of a preparation (PBMC) bystanders.

    donor_potency, donor_motility, donor_bridges: factors of this donor on the numbers of the typical one.
    """

    et_ratio: float
    nk_cells: int
    other_cells: int
    donor_potency: float
    donor_motility: float
    donor_bridges: float

    @cached_property
    def plate_text(self) -> str:
        """Canonical JSON without what varies between the wells of a plate."""
        return text_without(self, _PER_WELL_EFFECTORS)


class Partner(Binding, frozen=True, kw_only=True):
    """A second antibody, given at the dose of the first. partner: the antibody that comes with it, "" for none."""

    name: str
    partner: str

    @cached_property
    def plate_text(self) -> str:
        """Canonical JSON of what the wells of a plate share where cells were cultured under antibody."""
        return text_without(self, _PER_WELL_ANTIBODY)


class Antibody(Partner, frozen=True, kw_only=True):
    """The antibody of a well. partner: name of the second antibody, "" for none."""

    dose_ug_per_ml: float
    pre_incubation_min: int
    wash_after_opsonisation: bool


# A well without antibody holds this in place of one, whatever antibody the scenario names: at dose 0 all antibodies
# are the same well. Nothing of it acts; a number that is not named here is 1, so that no formula divides by zero.
_NO_NUMBERS = dict.fromkeys(set(Binding.__struct_fields__) - {"epitope"}, 1.0) | {
    "molar_mass_kda": 150.0,
    "kon_per_nM_h": 0.0,
    "cross_link_per_receptor": 0.0,
    "fc_gain": 0.0,
    "direct_effect": 0.0,
}
NO_ANTIBODY = Antibody(
    name="none",
    epitope="none",
    partner="",
    dose_ug_per_ml=0.0,
    pre_incubation_min=0,
    wash_after_opsonisation=False,
    **_NO_NUMBERS,
)


class Vessel(Section, frozen=True, kw_only=True):
    """The well itself: a disc, a square, or compartments of a microwell chip. serum_igg: human IgG in the medium."""

    FORMER: ClassVar[Mapping[str, float]] = {"rim_width": 0.1}
    format: str
    shape: str
    area_mm2: float
    max_layers: int
    layer_filling: float
    volume_ul: float
    serum_igg_g_per_l: float
    rim_excess: float
    rim_width: float
    microwell_side_um: int | None = None
    targets_per_microwell: int | None = None

    @property
    def compartment_side(self) -> int:
        """Sites along one side of a compartment of a microwell chip; 0 for any other format."""
        return geometry.microwell_sites(self.microwell_side_um) if self.microwell_side_um is not None else 0

    @property
    def compartments(self) -> int:
        """Compartments of a microwell chip; 0 for any other format."""
        side = self.microwell_side_um
        return geometry.microwells_in(self.area_mm2, side) if side is not None else 0

    @property
    def sites(self) -> int:
        """Sites of 10 um x 10 um per layer; a chip counts whole compartments."""
        return self.compartments * self.compartment_side**2 if self.compartments else geometry.sites_in(self.area_mm2)


class Assay(Section, frozen=True, kw_only=True):
    """The read-out and how long the assay takes. counts_effectors: 1 where dying effectors release marker too (LDH)."""

    readout: str
    duration_h: float
    reader_cv: float
    release_delay_h: float
    leak_per_h: float
    counts_effectors: float
    blank: float
    full_scale: float
    raw_unit: str


class Intervention(Section, frozen=True, kw_only=True):
    """One thing that is done to a well at a time after the addition of effectors.

    nk_cells, other_cells: of the effectors added, those that are NK and those that are not.
    """

    at_h: float
    add_antibody_ug_per_ml: float | None = None
    wash: bool | None = None
    add_effectors: int | None = None
    nk_cells: int | None = None
    other_cells: int | None = None
    wash_effectors: bool | None = None


class Culture(Section, frozen=True, kw_only=True):
    """Passaging of the targets under antibody before the assay."""

    days: float
    passage_interval_days: float
    split_ratio: float
    medium_change_days: float
    dose_steps_ug_per_ml: tuple[float, ...]
    mutation_rate_per_division: float
    resistant_direct_response: float


class WellOutput(Output, frozen=True, kw_only=True):
    """What the run file keeps. frames_every_min: with level frames only."""

    every_min: int
    frames_every_min: int | None = None


class WellCondition(Condition, frozen=True, kw_only=True):
    """One well to run. role: sample, target_only, no_antibody, effector_only or fc_null; partner, culture: or None.

    replicate and donor count from 1. See the head of the module for run_id, run_key and plate.
    """

    KIND: ClassVar[str] = "well"
    saves: ClassVar[bool] = False
    role: str
    donor: int
    replicate: int
    targets: Targets
    effectors: Effectors
    antibody: Antibody
    partner: Partner | None
    well: Vessel
    assay: Assay
    interventions: tuple[Intervention, ...] = msgspec.field(name="action")
    culture: Culture | None
    output: WellOutput

    # -- names ------------------------------------------------------------------------------------------------------
    @cached_property
    def run_key(self) -> int:
        """Philox key of the run, in [0, 2**64). In paired mode all conditions of one donor and replicate share it."""
        members = self.members
        unit = {name: members[name] for name in ("seed", "donor", "replicate")}
        if self.random != "paired":
            unit["physics"] = joined({k: text for k, text in self.physics_members.items() if k not in _NOT_PHYSICS})
        return key_of(unit)

    @cached_property
    def plate(self) -> str:
        """8 hexadecimal digits shared by the wells of one plate: same cells, donor, vessel, read-out and times.

        Cells cultured under different antibodies are different cells, so a culture brings its antibody into the plate.
        """
        members = self.members
        shared = {key: text for key, text in members.items() if key not in _NOT_PLATE}
        shared["effectors"] = self.effectors.plate_text
        shared["targets"] = self.targets.plate_text
        shared["pre_incubation_min"] = canonical_json(self.antibody.pre_incubation_min)
        if self.culture is not None:
            partner = "null" if self.partner is None else self.partner.plate_text
            shared["cultured_under"] = f"[{self.antibody.plate_text},{partner}]"
        return digest(joined(shared)).hex()[:8]

    # -- what the well holds -----------------------------------------------------------------------------------------
    @property
    def has_antibody(self) -> bool:
        """Whether antibody is in the well at any time of the assay or pre-incubation."""
        added = any(one.add_antibody_ug_per_ml is not None for one in self.interventions)
        return added or self.antibody.dose_ug_per_ml > 0

    @property
    def has_effectors(self) -> bool:
        """Whether effectors are in the well at any time."""
        return self.effectors.et_ratio > 0 or any(one.add_effectors is not None for one in self.interventions)

    @property
    def grows(self) -> bool:
        """Whether cells divide and the direct effect acts."""
        return grows(self.assay.duration_h, self.culture.days if self.culture else 0.0)

    @property
    def peak_nk(self) -> int:
        """Most NK cells in the well at one time: those at the start and those added or washed away later."""
        now = peak = self.effectors.nk_cells
        for one in self.interventions:
            if one.wash_effectors:
                now = 0
            now += one.nk_cells or 0
            peak = max(peak, now)
        return peak

    def layers_needed(self) -> int:
        """Layers that the cells need. Raises geometry.CapacityError where they do not fit."""
        well = self.well
        return geometry.layers_needed(well.sites, self.targets.cells, self.peak_nk, well.layer_filling, well.max_layers)

    # -- what the run will take ------------------------------------------------------------------------------------
    @property
    def seconds(self) -> float:
        """Expected time of the kernel on one core, in seconds."""
        return cost.well_seconds(self)

    @property
    def agent_hours(self) -> float:
        """Hours of NK cells and, at less than half the work, of targets."""
        return (self.effectors.nk_cells + 0.4 * self.targets.cells + 100) * self.assay.duration_h

    @property
    def memory_bytes(self) -> int:
        """Memory of the well, without the process that runs it."""
        return cost.well_bytes(self)

    # -- related wells -----------------------------------------------------------------------------------------------
    def without_antibody(self) -> "WellCondition":
        """The same well with no antibody at all; its role is left for the caller.

        Pre-incubation time stays (it belongs to the plate). After a culture the antibody's constants stay too, for the
        culture was under it; only the dose goes.
        """
        bare = NO_ANTIBODY if self.culture is None else self.antibody
        return replace(
            self,
            antibody=replace(
                bare,
                dose_ug_per_ml=0.0,
                pre_incubation_min=self.antibody.pre_incubation_min,
                wash_after_opsonisation=False,
            ),
            partner=None if self.culture is None else self.partner,
            interventions=tuple(one for one in self.interventions if one.add_antibody_ug_per_ml is None),
        )

    def controls(self, fc_null: bool = False) -> list["WellCondition"]:
        """The controls that this well asks for; some may equal the well itself. fc_null: one without Fc function too.

        target_only: neither effectors nor antibody. no_antibody: natural killing. effector_only: where the read-out
        counts effectors.
        """
        bare = self.without_antibody()
        found = [bare._target_only()]
        if self.has_effectors:
            found.append(replace(bare, role="no_antibody"))
            if self.assay.counts_effectors > 0:
                found.append(bare._effector_only())
            if fc_null and self.has_antibody:
                found.append(self._fc_null())
        return found

    def _target_only(self) -> "WellCondition":
        return replace(
            self,
            role="target_only",
            effectors=replace(self.effectors, et_ratio=0.0, nk_cells=0, other_cells=0),
            interventions=tuple(one for one in self.interventions if one.wash is not None),
        )

    def _effector_only(self) -> "WellCondition":
        # plate_cells: which plate the well belongs to; it holds no target that could say so.
        return replace(
            self, role="effector_only", targets=replace(self.targets, cells=0, plate_cells=self.targets.cells)
        )

    def _fc_null(self) -> "WellCondition":
        partner = None if self.partner is None else replace(self.partner, fc_gain=0.0)
        return replace(self, role="fc_null", antibody=replace(self.antibody, fc_gain=0.0), partner=partner)


def grows(duration_h: float, culture_days: float = 0.0) -> bool:
    """Whether cells divide and the direct effect acts in an assay of this length, after a culture of so many days."""
    return duration_h > GROWTH_FROM_H or culture_days > 0
