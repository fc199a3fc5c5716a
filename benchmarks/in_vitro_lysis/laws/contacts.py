"""Contents of one contact: antibodies and bridges of a typical NK cell on HER2-high and HER2-low lines.

Means over cells with receptors, in wells without effectors, at the start of the assay (after 30 min with antibody)
and after 2 and 4 h.
"""

import numpy as np

from benchmarks.in_vitro_lysis.laws import wells

HOURS = (0, 2, 4)
CASES = (
    ("SK-BR-3", 1e-5),
    ("SK-BR-3", 1e-4),
    ("SK-BR-3", 5e-4),
    ("SK-BR-3", 1.0),
    ("MDA-MB-468", 0.1),
    ("MDA-MB-468", 1.0),
    ("MCF-7", 1.0),
    ("T47D", 1.0),
)
KON_PER_NM_H = (1.0, 0.18)


def contact_rows() -> list[dict]:
    """One row per association rate, line and dose: lists over HOURS of bound, inside (antibodies in the contact),
    bridges and two_armed (fraction of the bound antibodies)."""
    from adccsim.biology.binding import free_receptors, singly_bound
    from adccsim.biology.synapse import bridges
    from adccsim.scenario.well.donors import Donor
    from adccsim.well.engine import WellEngine
    from adccsim.well.layout import P
    from adccsim.well.params import well_params

    rows = []
    for kon in KON_PER_NM_H:
        for line, dose in CASES:
            changes = {"antibody.kon_per_nM_h": kon, "effectors.et_ratio": 0.0}
            ((well,),) = wells.conditions([Donor(1)], line, np.array([dose]), changes)
            params = well_params(well)
            engine = WellEngine(params, 1)
            cd16a = well.effectors.cd16a_per_cell * well.effectors.contact_fraction
            row = {"kon_per_nM_h": kon, "line": line, "dose_ug_per_ml": dose}
            row |= {name: [] for name in ("bound", "inside", "bridges", "two_armed")}
            for hour in HOURS:
                engine.advance(60 * hour - engine.tick)
                accessible = engine.targets["target_receptors"] * params.rates.accessible
                bound = engine.bound[0][accessible > 0]
                accessible = accessible[accessible > 0]
                link = params.rates.cross_link_0
                one = [
                    singly_bound(a, free_receptors(a, b, link), link) for a, b in zip(accessible, bound, strict=True)
                ]
                inside = params.rates.target_contact * bound
                row["bound"].append(float(bound.mean()))
                row["inside"].append(float(inside.mean()))
                row["bridges"].append(float(bridges(inside, cd16a, engine.pools[P["k2"]]).mean()))
                row["two_armed"].append(float(1.0 - np.sum(one) / bound.sum()))
            rows.append(row)
    return rows
