"""The sound inputs that are broken later: small scenarios, sheets, plates, overlays, a site file, finished studies."""

import tomllib
from pathlib import Path

WELLS = """
schema = 1
kind = "well"
title = "small wells"
seed = 7
replicates = 2
[targets]
cell_line = "SK-BR-3"
cells = 100
[effectors]
type = "NK-IL2"
et_ratio = 2.0
donors = 2
[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0
[well]
format = "96-flat"
serum_igg_g_per_l = 0.0
[assay]
duration_h = 1
readout = "calcein"
[output]
level = "observables"
[sweep]
"antibody.dose_ug_per_ml" = [0, 0.001, 1]
"well.serum_igg_g_per_l" = [0, 10]
"""

MICE = """
schema = 1
kind = "xenograft"
title = "small mice"
seed = 3
[tumour]
start_volume_mm3 = 130
fraction_simulated = 0.0005
[[tumour.clone]]
cell_line = "NCI-N87"
[mouse]
strain = "nude"
[study]
days = 4
[output]
level = "final"
save_days = [2]
[[arm]]
name = "vehicle"
mice = 2
[[arm]]
name = "trastuzumab"
mice = 2
[[arm.dose]]
drug = "trastuzumab"
mg_per_kg = 10
route = "iv"
days = [0]
"""

COMPARED = """
schema = 1
kind = "well"
seed = 5
replicates = 1
[targets]
cell_line = "SK-BR-3"
cells = 60
[effectors]
type = "CD56-isolated"
et_ratio = 5
donors = 2
[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0
[assay]
duration_h = 1
readout = "LDH"
[output]
level = "observables"
[compare]
data = "observed.csv"
role = "calibration data"
[sweep]
"antibody.dose_ug_per_ml" = [1e-4, 1]
"""

FITTED = COMPARED.replace("[sweep]", "{}[sweep]").format("""
[calibrate]
donors = 2
cells = 60
evaluations = 2
population = 0
[calibrate.free]
"effectors.default.antibody_hit_per_h" = []
""")

VARIED = COMPARED.replace('[compare]\ndata = "observed.csv"\nrole = "calibration data"\n', "{}").format("""
[sensitivity]
method = "morris"
trajectories = 4
keys = ["targets.hits_to_kill", "effectors.motility"]
""")

OVERLAY = """
[cell_lines.SK-BR-3]
her2_per_cell = { value = 1.1e6, low = 1e5, high = 5e6, unit = "1/cell", source = "own", provenance = "found" }
[antibodies.mine]
description = "an antibody of ours"
epitope = "IV"
kd_nM = { value = 2.0, low = 0.1, high = 50, unit = "nM", source = "own SPR", provenance = "found" }
"""

SITE = """
partition = "short"
account = "lab12"
workers = 64
wall_time_h = 4.0
memory_gb = 2.0
workers_per_job = 1
prologue = ["module load python/3.12", "source adcc/bin/activate"]
directives = ["--qos=low"]
"""

DESIGN = """
[study]
title = "own study"
control = "vehicle"
"""

OBSERVED = """quantity,dose_ug_per_ml,et_ratio,value,sd,n,provenance,source
specific_lysis_pct,1e-4,5,17.1,10.2,8,derived,own
specific_lysis_pct,1,5,41.0,12.0,8,derived,own
"""

CALIPERS = "arm,mouse,day,volume_mm3,event,body_weight_g\n" + "".join(
    f"{arm},{arm[0]}{mouse},{day},{volume * growth**day:.0f},,{20 + day / 10:.1f}\n"
    for arm, growth in (("vehicle", 1.10), ("drug", 1.05))
    for mouse, volume in ((1, 110), (2, 130), (3, 150))
    for day in (0, 5, 10)
)

WIDE = "day,vehicle:v1,vehicle:v2,vehicle:v3,drug:d1,drug:d2,drug:d3\n" + "".join(
    f"{day}," + ",".join(f"{v * 1.1**day:.0f}" for v in (110, 130, 150)) + "," + ",".join(
        f"{v * 1.05**day:.0f}" for v in (110, 130, 150)
    ) + "\n"
    for day in (0, 5, 10)
)  # fmt: skip

LYSIS = "dose_ug_per_ml,E:T,replicate,donor,antibody,% lysis\n" + "".join(
    f"{dose},5,{replicate},D1,mab,{8 + 52 * dose / (dose + 0.05) + shift:.2f}\n"
    for dose in (0, 0.001, 0.01, 0.1, 1, 10)
    for replicate, shift in ((1, -0.9), (2, 0.3), (3, 0.6))
)

SIGNALS = "well,role,dose (ng/mL),E:T,replicate,A490\n" + "".join(
    f"{'ABCDEF'[row]}{column},{role},{dose},{ratio},{column},{value + 0.004 * (column - 2):.4f}\n"
    for row, (role, dose, ratio, value) in enumerate(
        (
            ("sample", 0, 5, 0.472), ("sample", 10, 5, 0.57), ("sample", 1000, 5, 1.04),
            ("target_only", "", "", 0.30), ("effector_only", "", 5, 0.18), ("maximum", "", "", 1.45),
        )
    )
    for column in (1, 2, 3)
)  # fmt: skip

DOSES = (0, 0.001, 0.01, 0.1, 1, 10, 30, 100)
PLATE = "," + ",".join(map(str, range(1, 13))) + "\n" + "".join(
    f"{'ABCDEFGH'[row]}," + ",".join(
        f"{value:.4f}"
        for value in (
            *(0.48 + 1.15 * (0.08 + 0.52 * dose / (dose + 0.05)) - 0.1 + shift for shift in (-0.004, 0, 0.004)),
            0.30 + sign, 0.18 + sign, 1.45 + sign, 0.10 + sign,
        )
    ) + ",,,,,\n"
    for row, (dose, sign) in enumerate(zip(DOSES, (0.003, -0.003) * 4, strict=True))
)  # fmt: skip
MAP = "," + ",".join(map(str, range(1, 13))) + "\n" + "".join(
    f"{'ABCDEFGH'[row]}," + f"{dose}/5," * 3 + "target_only,effector_only,maximum,blank,,,,,\n"
    for row, dose in enumerate(DOSES)
)  # fmt: skip


def tree(text: str) -> dict:
    """The tables of a TOML text."""
    return tomllib.loads(text)


def make_study(text: str, folder: Path) -> Path:
    """Write a scenario beside a results folder and run it there in this process, without an analysis."""
    from adccsim.execution.study import run_study
    from adccsim.scenario.conditions import conditions_of
    from adccsim.scenario.load import load_scenario

    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_suffix(".toml")
    path.write_text(text, encoding="utf-8")
    scenario = load_scenario(path)
    outcome = run_study(scenario, conditions_of(scenario), path.name, folder, workers=1, threads=1)
    if outcome.failed:
        raise RuntimeError(f"{path.name}: {outcome.failed[0].reason}")
    return folder
