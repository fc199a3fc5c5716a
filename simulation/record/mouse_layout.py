"""Layout of a mouse's run file (HDF5, one file per mouse): names, units and meaning.

/h5md /meta        as in layout.py; /meta also has arm, mouse, end_day and end ("study" or "endpoint")
/observables/<name>/{value, step, time}    series; time in hours from randomisation; value (T,) or (T, classes)
/calipers/{day, length_mm, width_mm, volume_caliper_mm3, volume_true_mm3}    one row per reading; with study.body_weight
                   also body_weight_g
/kills/{time, x, y, z, clone, her2, effector}     kills by effectors                       (level events and above)
/slices/<name>     (T, size, size) central plane of patches at the start and at the end     (level final and above)
/fields/<name>/{value, step, time}    (T, size, size, size) whole tumour, patch by patch    (level frames)
/particles/{cell, effector}/<column>/{value, step, time}    agents, all or every n-th        (level frames)
/VTKHDF            the particles for ParaView: virtual datasets without copies               (level frames)
"""

# name: (unit, description). Counts are those of the simulated fraction of the tumour.
SERIES = {
    "cells_alive": ("1", "living tumour cells"),
    "cells_dead": ("1", "dead tumour cells that still occupy volume"),
    "births": ("1", "cumulative number of daughter cells"),
    "deaths_natural": ("1", "cumulative number of tumour cells lost without effector or small molecule"),
    "deaths_drug": ("1", "cumulative number of tumour cells killed by small molecules"),
    "kills_nk": ("1", "cumulative number of tumour cells killed by mouse NK cells"),
    "kills_myeloid": ("1", "cumulative number of tumour cells killed by mouse myeloid cells"),
    "kills_human_nk": ("1", "cumulative number of tumour cells killed by transferred human NK cells"),
    "cleared": ("1", "cumulative number of dead cells cleared"),
    "effectors_nk": ("1", "mouse NK cells in the tumour"),
    "effectors_myeloid": ("1", "mouse myeloid cells in the tumour"),
    "effectors_human_nk": ("1", "transferred human NK cells in the tumour"),
    "volume_true_mm3": (
        "mm3",
        "volume of the whole tumour: cells that occupy volume, over their density and the simulated fraction",
    ),
    "plasma_ug_per_ml": ("ug mL-1", "plasma concentration; columns: antibodies in the order of the attribute classes"),
    "antibody_free_nM": ("nmol L-1", "free antibody per tumour volume; columns: epitopes as in the attribute classes"),
    "antibody_bound_nM": ("nmol L-1", "bound antibody per tumour volume; columns: epitopes as in classes"),
    "antibody_internalised_nM": ("nmol L-1", "cumulative antibody internalised by cells, per current tumour volume"),
    "occupancy_mean": ("1", "mean fraction of HER2 occupied; columns: epitopes as in classes"),
    "opsonised_fraction": ("1", "fraction of living cells with at least the occupancy opsonised_from (default 1 %)"),
    "oxygen_mean": ("1", "mean oxygen level of living cells, relative to that of a vessel"),
    "hypoxic_fraction": ("1", "fraction of living cells below the hypoxic oxygen level"),
    "patch_max": ("1", "cells in the fullest patch (64 nominal)"),
    "density_shells": ("1", "cell density in ten shells of equal width from centre to rim, over the nominal density"),
    "axis_ratio": ("1", "longest over shortest axis of the tumour"),
    "dispersed_fraction": ("1", "fraction of cells beyond 1.1 radii"),
    "rim_axes": ("1", "radius along the axes of the box over the mean radius"),
    "rim_diagonals": ("1", "radius along the diagonals of the box over the mean radius"),
    "her2_fractions": ("1", "fractions of living cells that stain 0, 1+, 2+, 3+ (cuts: her2_cut_1_per_cell etc.)"),
    "her2_mean": ("1", "mean HER2 of living cells, over the mean of their line at the start"),
    "clone_cells": ("1", "living cells of each clone"),
}

CALIPERS = {
    "day": ("d", "days from randomisation"),
    "length_mm": ("mm", "longer diameter as read"),
    "width_mm": ("mm", "shorter diameter as read"),
    "volume_caliper_mm3": ("mm3", "length x width^2 / 2 as read"),
    "volume_true_mm3": ("mm3", "volume of the tumour"),
    "body_weight_g": ("g", "weight of the mouse with its tumour"),  # last: only if study.body_weight is set
}

KILLS = {
    "time": ("h", "hours from randomisation to the hour in which the cell was killed"),
    "x": ("patches", "patch along x, from the centre of the box"),
    "y": ("patches", "patch along y"),
    "z": ("patches", "patch along z"),
    "clone": ("1", "clone of the cell, in the order of the scenario"),
    "her2": ("1", "HER2 level of the cell: 128 is the mean of its line, 16 levels per doubling; 0 none"),
    "effector": ("1", "0 mouse NK, 1 mouse myeloid, 2 human NK"),
}
KILL_TYPES = {"time": "f4", "x": "i2", "y": "i2", "z": "i2", "clone": "u1", "her2": "u1", "effector": "u1"}

FIELDS = {
    "cells": ("1", "cells in the patch that occupy volume"),
    "living": ("1", "fraction of these cells that are alive"),
    "her2": ("1", "mean HER2 of living cells over the mean of their line at the start"),
    "occupancy": ("1", "mean fraction of HER2 occupied by the first antibody"),
    "oxygen": ("1", "oxygen level relative to that of a vessel"),
    "effectors": ("1", "effectors in the patch"),
}

POPULATIONS = ("cell", "effector")
AGENTS = {
    ("cell", "position"): ("um", "x, y and z from the centre of the box; the site within the patch is arbitrary"),
    ("cell", "state"): ("1", "1 alive, 2 dead, 3 committed to die, 255 absent"),
    ("cell", "clone"): ("1", "clone of the cell, in the order of the scenario"),
    ("cell", "her2"): ("1", "HER2 level: 128 is the mean of the line, 16 levels per doubling; 0 none"),
    ("effector", "position"): ("um", "x, y and z from the centre of the box; the site within the patch is arbitrary"),
    ("effector", "state"): ("1", "0 mouse NK, 1 mouse myeloid, 2 human NK, 255 absent"),
    ("effector", "kills"): ("1", "cumulative number of cells that it killed"),
}
