"""Checks of a study in mice that need more than one key: names, schedules, window of enrolment, memory, saved tumours.

Every point of the sweep is looked at; equal errors are reported once. What is allowed but unwise is a warning.
"""

import math
from collections.abc import Iterable, Mapping

from adccsim.conditions.section import canonical_json
from adccsim.conditions.tumour_size import LEAST_CELLS, machine_bytes, start_cells
from adccsim.names import control_arms, name_key
from adccsim.parameters.fields import key_path
from adccsim.parameters.lookup import Catalogue
from adccsim.scenario.errors import NO_VALUE, Invalid, Report, nearest, show
from adccsim.scenario.sweep import point_count, points
from adccsim.scenario.validate import number_errors
from adccsim.scenario.xenograft.branch import CheckpointError, saved_tumour
from adccsim.scenario.xenograft.mice import NoMouseError
from adccsim.scenario.xenograft.resolve import (
    checkpoint_path,
    foreign_numbers,
    resolve_arm,
    resolve_clone,
    resolve_mouse,
    resolve_strain,
)
from adccsim.scenario.xenograft.schema import Arm, Clone, XenograftScenario, clone_numbers

MOST_MICE = 20_000
SMALL_SCALE_CELLS = 100_000


def check_study(scenario: XenograftScenario, known: Catalogue, broken: Iterable[str] = ()) -> list[Invalid]:
    """Every error of a scenario whose keys are valid one by one; broken: paths that hold a stand-in."""
    report = Report(broken)
    mice = point_count(scenario) * sum(arm.mice for arm in scenario.arm)
    if mice > MOST_MICE:
        report.add("arm", NO_VALUE, f"{mice:,} mice in all; at most {MOST_MICE:,} in one scenario")
    _check_arms(scenario, report)
    _check_schedule(scenario, report)
    _check_output(scenario, report)
    if not _check_names(scenario, known, report) or report.broken:
        return report.errors
    _check_clones(scenario, known, report)
    if not report.errors:
        for point in points(scenario):
            report.at(point.index)
            _check_point(point.scenario, known, report)
    return report.errors


def warnings(scenario: XenograftScenario) -> list[str]:
    """What a user should know before the runs: one sentence each."""
    known, lines = scenario.known, []
    clones = [clone for arm in scenario.arm for clone in (arm.clone or scenario.tumour.clone)]
    for line in dict.fromkeys(clone.cell_line for clone in clones):
        entry = known.tumours[line]
        if entry.numbers["grows"].value == 0:
            growth = f"{entry.numbers['growth_per_d'].value:g}/d is assumed"
            lines.append(f"{line} grows poorly or not at all in mice ({entry.numbers['grows'].source}); {growth}")
    for point in points(scenario):
        tumour = resolve_arm(point.scenario, scenario.arm[0], known).tumour
        fraction = tumour.fraction_simulated
        cells = tumour.cells_per_mm3 * fraction * point.scenario.tumour.start_volume_mm3
        if fraction < 1.0 and cells < SMALL_SCALE_CELLS:
            lines.append(
                f"tumour.fraction_simulated = {fraction:g} simulates about {cells:,.0f} cells: its surface, which "
                "takes up oxygen from outside, is too large a part (untreated NCI-N87 on day 21: 4 % too large at "
                "0.01, 11 % at 0.003); compare two fractions (say 0.01 and 0.1) before trusting a small difference"
            )
    return list(dict.fromkeys(lines))


def _check_names(scenario: XenograftScenario, known: Catalogue, report: Report) -> bool:
    """Every name must be in the catalogue. Returns whether all are."""
    found = True

    def ask(key: str, name: str, entries: Mapping[str, object], what: str) -> None:
        nonlocal found
        if name not in entries:
            close = nearest(name, entries)
            hint = f"did you mean {show(close)}?" if close else f"known: {', '.join(sorted(entries))}"
            report.add(key, name, f"unknown {what}; {hint}", ["catalogue"])
            found = False

    for strain in scenario.sweep.get("mouse.strain", (scenario.mouse.strain,)):
        ask("mouse.strain", strain, known.mice, "strain")
    for path, clone in _clones(scenario):
        if clone.cell_line in known.cell_lines and clone.cell_line not in known.tumours:
            message = f"has no numbers for growth in mice; known: {', '.join(sorted(known.tumours))}"
            report.add(f"{path}.cell_line", clone.cell_line, message, ["catalogue"])
            found = False
        else:
            ask(f"{path}.cell_line", clone.cell_line, known.tumours, "cell line")
        ask(f"{path}.mechanism", clone.mechanism, known.mechanisms, "mechanism")
    for i, arm in enumerate(scenario.arm):
        if arm.strain is not None:
            ask(f"arm[{i}].strain", arm.strain, known.mice, "strain")
        for j, dose in enumerate(arm.dose):
            key = f"arm[{i}].dose[{j}]"
            if dose.drug in known.antibodies and dose.drug not in known.drugs:
                message = (
                    f"has no plasma kinetics; add [drugs.{key_path(dose.drug)}] to an overlay, with "
                    f"antibody = {show(dose.drug)}, clearance, volumes and routes (or like = an antibody that has them)"
                )
                report.add(f"{key}.drug", dose.drug, message, ["catalogue"])
                found = False
            else:
                ask(f"{key}.drug", dose.drug, known.drugs, "drug")
            if dose.drug in known.drugs:
                if foreign := foreign_numbers(known.drugs[dose.drug]):
                    message = f"has {', '.join(foreign)}, which mean nothing for this class of drug"
                    report.add(f"{key}.drug", dose.drug, message, ["catalogue"])
                    found = False
                routes = str(known.drugs[dose.drug].strings["routes"]).split()
                if dose.route not in routes:
                    message = f"{dose.drug} is given {' or '.join(routes)}"
                    report.add(f"{key}.route", dose.route, message, [f"{key}.drug"])
    return found


def _clones(scenario: XenograftScenario) -> list[tuple[str, Clone]]:
    """(key path, clone) of every clone of the tumour and of arms with a tumour of their own."""
    out = [(f"tumour.clone[{i}]", clone) for i, clone in enumerate(scenario.tumour.clone)]
    for i, arm in enumerate(scenario.arm):
        out += [(f"arm[{i}].clone[{j}]", clone) for j, clone in enumerate(arm.clone)]
    return out


def _check_clones(scenario: XenograftScenario, known: Catalogue, report: Report) -> None:
    mixtures = [("tumour.clone", scenario.tumour.clone)]
    mixtures += [(f"arm[{i}].clone", arm.clone) for i, arm in enumerate(scenario.arm) if arm.clone]
    for key, clones in mixtures:
        total = sum(clone.fraction for clone in clones)
        if abs(total - 1.0) > 1e-6:
            report.add(key, NO_VALUE, f"fractions add up to {total:g}; they must add up to 1")
    for path, clone in _clones(scenario):
        mechanism = known.mechanisms[clone.mechanism]
        if "growth_block" in mechanism.numbers:
            message = "is a pre-treatment of cultured cells; in mice give the drug as a dose"
            report.add(f"{path}.mechanism", clone.mechanism, message)
        elif mechanism.numbers and all(getattr(clone, name, None) is not None for name in mechanism.numbers):
            fields = ", ".join(sorted(mechanism.numbers))
            report.add(f"{path}.mechanism", clone.mechanism, f"has no effect: all it changes ({fields}) is overridden")
        overridden = [name for name in clone_numbers() if getattr(clone, name) is not None]
        if clone.reason and not overridden:
            report.add(f"{path}.reason", clone.reason, "explains nothing: no number is overridden")
        resolved = resolve_clone(clone, known)
        numbers = {name: getattr(resolved, name) for name in clone_numbers()}
        for name, reason in number_errors(Clone, numbers):
            report.add(f"{path}.cell_line", clone.cell_line, f"gives {name} = {show(numbers[name])}: {reason}")


def _check_arms(scenario: XenograftScenario, report: Report) -> None:
    first: dict[str, int] = {}
    for i, arm in enumerate(scenario.arm):
        earlier = first.setdefault(name_key(arm.name), i)
        if earlier != i:
            report.add(f"arm[{i}].name", arm.name, f"the same name as arm[{earlier}]")
    hits = control_arms([arm.name for arm in scenario.arm])
    if len(hits) != 1:
        listed = f"{len(hits)} arms ({', '.join(hits)}) are" if hits else "no arm is"
        report.add(
            "arm", NO_VALUE, f"{listed} called vehicle, control or untreated: the analysis needs one control arm"
        )
    if scenario.random == "paired":
        seen: dict[str, int] = {}
        for i, arm in enumerate(scenario.arm):
            text = canonical_json(arm.model_dump(exclude={"name", "mice"}))
            earlier = seen.setdefault(text, i)
            if earlier != i:
                message = f'duplicate arm: with random = "paired" its mice are those of arm[{earlier}]'
                report.add(f"arm[{i}].name", arm.name, message, [f"arm[{i}]", f"arm[{earlier}]"])


def _check_schedule(scenario: XenograftScenario, report: Report) -> None:
    last = scenario.study.days
    for i, arm in enumerate(scenario.arm):
        for j, dose in enumerate(arm.dose):
            late = [day for day in dose.days if day >= last]
            if late:
                message = f"a dose must be given before the last day, {last:g}"
                report.add(f"arm[{i}].dose[{j}].days", late[0], message, ["study.days"])
    for name, days in (
        ("study.caliper_days", scenario.study.caliper_days),
        ("output.save_days", scenario.output.save_days),
    ):
        if days and days[-1] > last:
            report.add(name, days[-1], f"after the end: the study ends on day {last:g}", ["study.days"])
    given = scenario.study.caliper_days
    if given and given[0] != 0.0:
        report.add("study.caliper_days", given[0], "must begin with 0, the day of randomisation")


def _check_output(scenario: XenograftScenario, report: Report) -> None:
    given, hours = scenario.output, round(scenario.study.days * 24)
    for name in ("every_h", "frames_every_h"):
        every = getattr(given, name)
        if every is not None and every > hours:
            report.add(f"output.{name}", every, f"longer than the study ({hours} h)", ["study.days"])
    for name in ("frames_every_h", "frame_agents"):
        own = getattr(given, name)
        if own is not None and given.level != "frames":
            report.add(f"output.{name}", own, f"only with level frames, not {given.level}", ["output.level"])


def _check_point(scenario: XenograftScenario, known: Catalogue, report: Report) -> None:
    """Window of enrolment, saved tumour, size and memory at one point of the sweep."""
    fewest, most = math.inf, 0
    for i, arm in enumerate(scenario.arm):
        if scenario.branch is None:
            if not _check_window(scenario, known, i, arm, report):
                continue
        elif not _check_branch(scenario, known, i, arm, report):
            return
        resolved = resolve_arm(scenario, arm, known)
        try:
            mice = [resolve_mouse(scenario, known, resolved, n) for n in range(1, arm.mice + 1)]
        except NoMouseError as error:
            report.add("mouse.start_volume_cv", scenario.mouse.start_volume_cv, f"arm {arm.name}: {error}")
            continue
        fewest = min(fewest, *(start_cells(mouse) for mouse in mice))
        most = max(most, *(mouse.memory_bytes for mouse in mice))
    fraction, memory = scenario.tumour.fraction_simulated, machine_bytes()
    if fewest < LEAST_CELLS:
        message = f"leaves {fewest:,} cells of a tumour; at least {LEAST_CELLS:,} are needed"
        report.add("tumour.fraction_simulated", fraction, message, ["tumour.start_volume_mm3"])
    if memory is not None and most > memory:
        message = f"one mouse takes {most / 1e9:,.3g} GB of memory; this machine has {memory / 1e9:,.3g} GB"
        report.add("tumour.fraction_simulated", fraction, message, ["study.days", "study.endpoint_mm3"])


def _check_window(scenario: XenograftScenario, known: Catalogue, i: int, arm: Arm, report: Report) -> bool:
    """Is the mean start volume inside the window of enrolment, and under the end point?"""
    strain = resolve_strain(scenario, arm, known)
    low, high = strain["enrolment_low_mm3"], strain["enrolment_high_mm3"]
    key = "tumour.start_volume_mm3" if arm.start_volume_mm3 is None else f"arm[{i}].start_volume_mm3"
    volume = arm.start_volume_mm3 or scenario.tumour.start_volume_mm3
    if not low < high:
        report.add("mouse.enrolment_low_mm3", low, f"must be less than mouse.enrolment_high_mm3 ({high:g})")
    elif not low <= volume <= high:
        message = f"outside the window of enrolment, {low:g}-{high:g} mm3; set mouse.enrolment_low_mm3 and _high_mm3"
        report.add(key, volume, message, ["mouse"])
    elif volume >= scenario.study.endpoint_mm3:
        message = f"at or over the end point, {scenario.study.endpoint_mm3:g} mm3"
        report.add(key, volume, message, ["study.endpoint_mm3"])
    else:
        return True
    return False


def _check_branch(scenario: XenograftScenario, known: Catalogue, i: int, arm: Arm, report: Report) -> bool:
    """Is the checkpoint there, of this model, and of this very tumour and strain?"""
    assert scenario.branch is not None
    key, name = "branch.checkpoint", scenario.branch.checkpoint
    if scenario.sweep:
        report.add("sweep", NO_VALUE, "contradicts [branch]: a saved tumour has its numbers already")
        return False
    if scenario.study.body_weight:
        report.add("study.body_weight", True, "contradicts [branch]: what earlier doses cost the mouse is not saved")
        return False
    if arm.start_volume_mm3 is not None:
        message = "contradicts [branch]: the saved tumour has its volume"
        report.add(f"arm[{i}].start_volume_mm3", arm.start_volume_mm3, message)
        return False
    try:
        saved = saved_tumour(checkpoint_path(scenario)).condition
    except CheckpointError as error:
        report.add(key, name, str(error))
        return False
    if saved.lineage == resolve_arm(scenario, arm, known).lineage:
        return True
    lines = " + ".join(clone.cell_line for clone in saved.clones)
    message = f"checkpoint of another scenario: it holds {lines} in {saved.strain.name} mice, and arm "
    report.add(key, name, f"{message}{arm.name} asks for another tumour, tissue or strain")
    return False
