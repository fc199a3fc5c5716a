"""Random design panel: studies of trastuzumab alone, similar to published ones, for the pooled figures.

    python benchmarks/xenograft_growth/panel.py [--out DIR] [--fraction 0.001]     one scenario file per design
    adcc run DIR/design_01.toml                                                    as any other study

A meta-analysis of trastuzumab in animal models of breast cancer (Chen 2016, PLoS ONE 11:e0158240, abstract: 83
studies, 169 experiments, 2076 mice) pools T/C to 32.6 % (27.8-38.2) and the ratio of median survival to 1.45
(1.30-1.62). The two come from different experiments, so the panel has two kinds of design: `volume` ends on a fixed
day, `survival` follows mice to their end point. The designs were drawn once (SEED) from the distributions below and
are in panel.csv; a test draws them again. Only the mean number of mice is known (2076 / 169 = 12.3 per experiment,
hence 4-8 per arm); all other distributions are assumed:

  line            BT-474 0.5, MCF7-HER2 0.2, KPL-4, LCC6-HER2 and JIMT-1 0.1 each
  growth_per_d    log-uniform over the range of the line in the catalogue (tumours.toml)
  strain          nude 0.7, SCID 0.2, NSG 0.1
  mg_per_kg       1, 2, 4, 5, 10, 15 or 20, equally likely; once or twice a week, equally likely; i.p. 0.7, i.v. 0.3
  weeks           of dosing: 3, 4 or 6, not beyond the end of the study
  start_mm3       uniform 100-200; spread between mice, calipers and enrolment as in the catalogue
  days            volume: 21, 28 or 35; survival: 84
  endpoint_mm3    volume: 2000; survival: 1000 or 1500. A mouse leaves at the first reading at or above it.
"""

import argparse
import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
TABLE = HERE / "panel.csv"
SEED = 2016
VOLUME_DESIGNS, SURVIVAL_DESIGNS = 16, 8

# line: (probability, growth per day from, to); ranges of the catalogue at the time of the draw
LINES = {
    "BT-474": (0.5, 0.044, 0.08),
    "MCF7-HER2": (0.2, 0.05, 0.14),
    "KPL-4": (0.1, 0.05, 0.14),
    "LCC6-HER2": (0.1, 0.05, 0.14),
    "JIMT-1": (0.1, 0.05, 0.14),
}
STRAINS = {"nude": 0.7, "SCID": 0.2, "NSG": 0.1}
ROUTES = {"ip": 0.7, "iv": 0.3}
DOSES_MG_PER_KG = (1.0, 2.0, 4.0, 5.0, 10.0, 15.0, 20.0)
TIMES_A_WEEK = (1, 2)
WEEKS = (3, 4, 6)
MICE = (4, 5, 6, 7, 8)
START_MM3 = (100.0, 200.0)
VOLUME_DAYS = (21, 28, 35)
VOLUME_ENDPOINT_MM3 = 2000
SURVIVAL_DAYS = 84
SURVIVAL_ENDPOINTS_MM3 = (1000, 1500)


@dataclass(frozen=True)
class Design:
    """One study: a control arm and an arm under trastuzumab. outcome: volume | survival; the rest: see the schema."""

    number: int
    outcome: str
    line: str
    growth_per_d: float
    strain: str
    mg_per_kg: float
    times_a_week: int
    weeks: int
    route: str
    mice: int
    start_mm3: float
    days: int
    endpoint_mm3: int

    @property
    def name(self) -> str:
        """Name of its scenario file."""
        return f"design_{self.number:02d}"

    @property
    def dose_days(self) -> list[int]:
        """Days of dosing."""
        weekdays = (0,) if self.times_a_week == 1 else (0, 3)
        return [
            day for week in range(self.weeks) for day in (7 * week + offset for offset in weekdays) if day < self.days
        ]


def draw(seed: int = SEED) -> list[Design]:
    """The panel: volume designs, then survival designs."""
    rng = np.random.default_rng(seed)

    def one_of(options):
        if isinstance(options, dict):
            probabilities = [c[0] if isinstance(c, tuple) else c for c in options.values()]
            return list(options)[
                int(np.searchsorted(np.cumsum(probabilities), rng.random() * sum(probabilities), side="right"))
            ]
        return options[int(rng.random() * len(options))]

    designs = []
    for number in range(1, 1 + VOLUME_DESIGNS + SURVIVAL_DESIGNS):
        outcome = "volume" if number <= VOLUME_DESIGNS else "survival"
        line = one_of(LINES)
        _, low, high = LINES[line]
        growth = low * (high / low) ** rng.random()
        designs.append(
            Design(
                number=number,
                outcome=outcome,
                line=line,
                growth_per_d=round(growth, 4),
                strain=one_of(STRAINS),
                mg_per_kg=one_of(DOSES_MG_PER_KG),
                times_a_week=one_of(TIMES_A_WEEK),
                weeks=one_of(WEEKS),
                route=one_of(ROUTES),
                mice=one_of(MICE),
                start_mm3=round(START_MM3[0] + (START_MM3[1] - START_MM3[0]) * rng.random(), 1),
                days=one_of(VOLUME_DAYS) if outcome == "volume" else SURVIVAL_DAYS,
                endpoint_mm3=VOLUME_ENDPOINT_MM3 if outcome == "volume" else one_of(SURVIVAL_ENDPOINTS_MM3),
            )
        )
    return designs


def read(path: Path = TABLE) -> list[Design]:
    """The stored designs."""
    kinds = {field.name: field.type for field in fields(Design)}
    with path.open(encoding="utf-8", newline="") as file:
        return [Design(**{name: kinds[name](text) for name, text in row.items()}) for row in csv.DictReader(file)]


def write(designs: list[Design], path: Path = TABLE) -> None:
    """Store the designs as a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, [field.name for field in fields(Design)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(design) for design in designs)


def scenario_text(design: Design, fraction: float) -> str:
    """The scenario file of a design."""
    # The enrolment window of the catalogue, widened for means near its limits because of the caliper error.
    low, high = min(100.0, 0.8 * design.start_mm3), max(200.0, 1.25 * design.start_mm3)
    return f"""# Design {design.number} of the random panel ({design.outcome}), drawn by panel.py.
schema = 1
title = "Panel design {design.number}: {design.line}, trastuzumab {design.mg_per_kg:g} mg/kg"
kind = "xenograft"
seed = {SEED + design.number}

[tumour]
start_volume_mm3 = {design.start_mm3}
fraction_simulated = {fraction:g}

[[tumour.clone]]
cell_line = "{design.line}"
growth_per_d = {design.growth_per_d}
reason = "drawn for the random design panel"

[mouse]
strain = "{design.strain}"
enrolment_low_mm3 = {low:g}
enrolment_high_mm3 = {high:g}

[study]
days = {design.days}
endpoint_mm3 = {design.endpoint_mm3}

[[arm]]
name = "vehicle"
mice = {design.mice}

[[arm]]
name = "trastuzumab"
mice = {design.mice}
[[arm.dose]]
drug = "trastuzumab"
mg_per_kg = {design.mg_per_kg:g}
route = "{design.route}"
days = {design.dose_days}
"""


def main() -> None:
    """Write the scenario files of the panel."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("panel"))
    parser.add_argument("--fraction", type=float, default=0.001, help="fraction of the cells simulated")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for design in read():
        text = scenario_text(design, args.fraction)
        (args.out / f"{design.name}.toml").write_text(text, encoding="utf-8")
    print(f"{VOLUME_DESIGNS + SURVIVAL_DESIGNS} scenario files in {args.out}")


if __name__ == "__main__":
    main()
