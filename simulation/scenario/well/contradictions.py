"""Contradictions: pairs of keys that cannot both be meant, and keys that would be accepted and have no effect.

Each function looks at one scenario (one combination of the sweep) whose names are all in the catalogue, and adds to
the report. Whether the cells fit is in checks.py.
"""

from adccsim.conditions.well import GROWTH_FROM_H
from adccsim.parameters.lookup import Catalogue
from adccsim.scenario.errors import NO_VALUE, Report
from adccsim.scenario.well.resolve import cells_of, partner_of, scenario_grows
from adccsim.scenario.well.schema import Scenario, overridable

# Fields of [targets] that act only where cells grow (assays over GROWTH_FROM_H, culture), and one that acts elsewhere.
GROWTH_FIELDS = (
    "doubling_time_h", "culture_death_per_h", "direct_effect_max", "direct_response", "direct_occupancy_half",
    "direct_onset_h", "growth_block",
)  # fmt: skip
LABELS = ("51Cr", "calcein")  # loaded into the cells before the assay
FC_FIELDS = ("fc_gain", "k16_v158_nM", "k16_f158_ratio", "k2_bridges")
SHORT_FIELDS = ("spontaneous_death_per_h",)


def find_contradictions(scenario: Scenario, known: Catalogue, report: Report) -> None:
    """Add every contradiction of one scenario to the report."""
    _in_targets(scenario, known, report)
    _in_effectors(scenario, known, report)
    _in_antibody(scenario, known, report)
    _in_partner(scenario, known, report)
    _in_well(scenario, known, report)
    _in_assay(scenario, report)
    _in_output(scenario, report)
    _in_actions(scenario, report)
    _in_culture(scenario, report)
    _in_compare(scenario, report)


def _in_targets(scenario: Scenario, known: Catalogue, report: Report) -> None:
    mechanism = known.mechanisms[scenario.targets.mechanism]
    if mechanism.numbers and all(getattr(scenario.targets, field) is not None for field in mechanism.numbers):
        fields = ", ".join(sorted(mechanism.numbers))
        report.add("targets.mechanism", mechanism.name, f"has no effect: all it changes ({fields}) is overridden")
    growing = scenario_grows(scenario)
    for field in SHORT_FIELDS if growing else GROWTH_FIELDS:
        value = getattr(scenario.targets, field)
        if value is not None:
            when = f"up to {GROWTH_FROM_H:g} h without culture" if growing else f"over {GROWTH_FROM_H:g} h"
            report.add(f"targets.{field}", value, f"has no effect here: it acts in assays {when}", ["assay.duration_h"])


def _in_effectors(scenario: Scenario, known: Catalogue, report: Report) -> None:
    given, entry = scenario.effectors, known.effectors[scenario.effectors.type]
    if given.donors > 1 and entry.strings["is_cell_line"]:
        message = f"{given.type} is a cell line and has no donors; use replicates"
        report.add("effectors.donors", given.donors, message, ["effectors.type"])
    if given.donors == 1:
        for field in overridable("effectors"):
            value = getattr(given, field)
            if value is not None and field.startswith(("donor_", "genotype_")):
                report.add(f"effectors.{field}", value, "has no effect with donors = 1", ["effectors.donors"])
    if given.et_ratio > 0 and round(given.et_ratio * cells_of(scenario, known)) == 0:
        message = "gives no effector cell at all; 0 is the target-only control"
        report.add("effectors.et_ratio", given.et_ratio, message, ["targets.cells", "well.format"])
    weights = [
        entry.numbers[field].value if getattr(given, field) is None else getattr(given, field)
        for field in ("genotype_ff_fraction", "genotype_vf_fraction", "genotype_vv_fraction")
    ]
    if sum(weights) <= 0:
        report.add("effectors.genotype_ff_fraction", weights[0], "all three genotype weights are 0", ["effectors"])


def _in_antibody(scenario: Scenario, known: Catalogue, report: Report) -> None:
    given, entry = scenario.antibody, known.antibodies[scenario.antibody.name]
    if given.wash_after_opsonisation and given.pre_incubation_min == 0 and given.dose_ug_per_ml > 0:
        message = "contradicts pre_incubation_min = 0: the antibody would be washed away before it binds"
        report.add("antibody.wash_after_opsonisation", True, message, ["antibody"])
    fc_gain = entry.numbers["fc_gain"].value if given.fc_gain is None else given.fc_gain
    if scenario.assay.fc_null_control and fc_gain == 0:
        message = f"{given.name} already has fc_gain 0: its twin would be the same well"
        report.add("assay.fc_null_control", True, message, ["antibody.name", "antibody.fc_gain"])


def _in_partner(scenario: Scenario, known: Catalogue, report: Report) -> None:
    given, partner = scenario.antibody, partner_of(scenario, known)
    if not partner:
        return
    key = "antibody.name" if given.partner is None else "antibody.partner"
    epitope = given.epitope or known.antibodies[given.name].strings["epitope"]
    other = known.antibodies[partner].strings
    if other["partner"]:
        report.add(key, partner, "is a pair of antibodies itself; name a single one", ["antibody.name"])
    elif other["epitope"] == epitope:
        message = f"binds epitope {epitope} as {given.name} does; a partner needs another one"
        report.add(key, partner, message, ["antibody.name", "antibody.epitope"])
    numbers, theirs = known.antibodies[given.name].numbers, known.antibodies[partner].numbers
    for field in FC_FIELDS:  # bridges of both antibodies are counted together
        own = numbers[field].value if getattr(given, field) is None else getattr(given, field)
        if own != theirs[field].value:
            message = f"has {field} {theirs[field].value:g}, {given.name} {own:g}: a pair needs the same Fc part"
            report.add(key, partner, message, ["antibody.name", f"antibody.{field}"])


def _in_well(scenario: Scenario, known: Catalogue, report: Report) -> None:
    given = scenario.well
    if known.wells[given.format].strings["shape"] == "chip":
        if given.rim_excess > 0:
            message = f"has no effect in {given.format}: a chip has no rim"
            report.add("well.rim_excess", given.rim_excess, message, ["well.format"])
        return
    for name in ("microwell_side_um", "targets_per_microwell"):
        value = getattr(given, name)
        if value is not None:
            report.add(f"well.{name}", value, f"only with format microwell, not {given.format}", ["well.format"])


def _in_assay(scenario: Scenario, report: Report) -> None:
    given = scenario.assay
    if given.readout == "viability" and given.duration_h <= GROWTH_FROM_H:
        message = (
            f"needs an assay of more than {GROWTH_FROM_H:g} h (here {given.duration_h:g} h): in a shorter one no cell "
            "divides and the direct effect does not act; use live-count"
        )
        report.add("assay.readout", given.readout, message, ["assay.duration_h"])
    if given.readout in LABELS and scenario_grows(scenario):
        message = "needs an assay up to 24 h without culture: daughter cells carry no label; use live-count"
        report.add("assay.readout", given.readout, message, ["assay.duration_h"])


def _in_output(scenario: Scenario, report: Report) -> None:
    given, minutes = scenario.output, round(scenario.assay.duration_h * 60)
    for name in ("every_min", "frames_every_min"):
        every = getattr(given, name)
        if every is not None and every > minutes:
            report.add(f"output.{name}", every, f"longer than the assay ({minutes} min)", ["assay.duration_h"])
    if given.frames_every_min is not None and given.level != "frames":
        message = f"only with level frames, not {given.level}"
        report.add("output.frames_every_min", given.frames_every_min, message, ["output.level"])


def _in_actions(scenario: Scenario, report: Report) -> None:
    duration = scenario.assay.duration_h
    holds_effectors = scenario.effectors.et_ratio > 0 or "effectors.et_ratio" in scenario.sweep
    for i, action in sorted(enumerate(scenario.action), key=lambda pair: pair[1].at_h):
        key = f"action[{i}]"
        done = [name for name, value in action.model_dump(exclude={"at_h"}).items() if value is not None]
        if not done:
            message = "does nothing: give one of add_antibody_ug_per_ml, wash, add_effectors, wash_effectors"
            report.add(key, NO_VALUE, message)
        elif len(done) > 1:
            report.add(key, NO_VALUE, f"does {len(done)} things ({', '.join(done)}); give each its own [[action]]")
        if action.at_h >= duration:
            message = f"not before the end of the assay ({duration:g} h)"
            report.add(f"{key}.at_h", action.at_h, message, ["assay.duration_h"])
        if action.wash_effectors and not holds_effectors:
            message = "has no effect: no effectors are in the well"
            report.add(f"{key}.wash_effectors", True, message, ["effectors.et_ratio", "action"])
        holds_effectors = (holds_effectors and not action.wash_effectors) or action.add_effectors is not None


def _in_culture(scenario: Scenario, report: Report) -> None:
    given = scenario.culture
    if given is None:
        return
    if 0 < given.days < given.passage_interval_days:
        message = f"longer than the culture ({given.days:g} d)"
        report.add("culture.passage_interval_days", given.passage_interval_days, message, ["culture.days"])
    if given.medium_change_days is not None and given.medium_change_days > given.passage_interval_days:
        message = f"has no effect: every passage ({given.passage_interval_days:g} d) brings fresh medium"
        report.add("culture.medium_change_days", given.medium_change_days, message, ["culture.passage_interval_days"])
    if given.resistant_direct_response is not None and given.mutation_rate_per_division == 0:
        message = "has no effect with mutation_rate_per_division = 0"
        report.add(
            "culture.resistant_direct_response",
            given.resistant_direct_response,
            message,
            ["culture.mutation_rate_per_division"],
        )


def _in_compare(scenario: Scenario, report: Report) -> None:
    given = scenario.compare
    if given is None:
        return
    for name in ("pct", "ec50_fold"):
        same, other = getattr(given, f"same_laboratory_{name}"), getattr(given, f"other_laboratory_{name}")
        if other < same:
            message = f"below same_laboratory_{name} ({same:g}): laboratories agree no better than one does with itself"
            report.add(f"compare.other_laboratory_{name}", other, message, [f"compare.same_laboratory_{name}"])
    if scenario.assay.readout == "viability":
        message = "contradicts [compare]: what is compared is lysis; use LDH, 51Cr, calcein or live-count"
        report.add("assay.readout", "viability", message, ["compare"])
