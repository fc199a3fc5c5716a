"""Published headline figures: the published value, the rule of agreement, and the studies used for each figure.

Rules and scenarios were written before the first run of these studies and were not changed after seeing the results.
How a rule is computed: headline_judges.py.
"""

from __future__ import annotations

from headline_judges import (
    GIVEN,
    Row,
    better,
    inhibition_within,
    no_effect,
    no_gain,
    pooled_survival,
    pooled_tc,
    recurrence,
    regression,
    strains,
    stronger_in,
)

WARBURTON = "Warburton 2004, Clin Cancer Res 10:2512"
CHEN = "Chen 2016, PLoS ONE 11:e0158240 (abstract)"
SCHEUER = "Scheuer 2009, Cancer Res 69:9330, from memory"
LU = "Lu 2007, Clin Cancer Res 13:5883, from memory"
T, P, BOTH = "trastuzumab", "pertuzumab", "trastuzumab + pertuzumab"
STRAIN_STUDIES = tuple(f"strains: mouse.strain {name}" for name in ("nude", "SCID", "NSG", "FcgR-null"))


def rows(volume_designs: tuple[str, ...], survival_designs: tuple[str, ...]) -> list[Row]:
    """All rows of the table, in order."""
    slower = "growth rate below that of every lesser arm, 95 % interval of the paired difference below zero"
    out = [
        Row(
            "lcc6",
            "LCC6-HER2 in SCID mice, 1 mg/kg weekly: inhibition",
            "52.5-68.4 %",
            WARBURTON,
            "the 95 % interval of tgi_tc overlaps the band",
            ("lcc6",),
            inhibition_within("lcc6", T, 52.5, 68.4),
        ),
        Row(
            "pooled_tc",
            "pooled T/C of trastuzumab alone, random design panel",
            "32.6 % (27.8-38.2)",
            CHEN,
            "the 95 % interval of the pooled T/C overlaps the published one",
            volume_designs,
            pooled_tc(volume_designs, 27.8, 38.2),
        ),
        Row(
            "pooled_survival",
            "pooled ratio of median survival, random design panel",
            "1.45 (1.30-1.62)",
            CHEN,
            "the 95 % interval of the pooled ratio overlaps the published one",
            survival_designs,
            pooled_survival(survival_designs, 1.30, 1.62),
        ),
    ]
    for trial, line in (("calu3", "Calu-3"), ("kpl4", "KPL-4")):
        out += [
            Row(
                f"{trial}_regression",
                f"{line}, trastuzumab + pertuzumab: regression",
                "regression",
                SCHEUER,
                "at least half of the mice lose half of their volume (PPTP-like PR, CR or MCR)",
                (trial,),
                regression(trial, BOTH),
            ),
            Row(
                f"{trial}_both",
                f"{line}: both antibodies better than either",
                "both > either",
                SCHEUER,
                slower,
                (trial,),
                better([(trial, BOTH, T), (trial, BOTH, P)]),
            ),
        ]
    return [
        *out,
        Row(
            "jimt1",
            "JIMT-1: small tumours inhibited more than established ones",
            "small > established",
            "Barok 2007, Mol Cancer Ther 6:2065, from memory",
            "the growth rate falls more in tumours of 40 than of 150 mm3, 95 % interval excludes zero",
            ("jimt1_small", "jimt1_established"),
            stronger_in("jimt1_small", "jimt1_established", T),
        ),
        Row(
            "withdrawal",
            "BT-474: tumours recur after withdrawal from complete response",
            "recurrence",
            "expected of HER2 xenografts; no source read",
            "at least one mouse below 40 mm3 by day 42, and half of those later at their start volume again",
            ("withdrawal",),
            recurrence("withdrawal", "five weeks", 42.0),
        ),
        Row(
            "triple",
            "NCI-N87: trastuzumab, capecitabine and cisplatin better than each doublet",
            "triple > doublets",
            "direction only; no source read",
            slower,
            ("chemotherapy",),
            better(
                [
                    ("chemotherapy", "trastuzumab + chemotherapy", doublet)
                    for doublet in ("chemotherapy", "trastuzumab + capecitabine", "trastuzumab + cisplatin")
                ]
            ),
            GIVEN,
            "partners act independently of each other",
        ),
        Row(
            "gefitinib",
            "LCC6-HER2: no gain from gefitinib in addition to trastuzumab",
            "no gain",
            WARBURTON,
            "interval of the difference of growth rates includes zero, or below 5 % of the control's rate",
            ("gefitinib",),
            no_gain("gefitinib", "trastuzumab + gefitinib", T),
            GIVEN,
            "growth of this line does not depend on HER2 (direct_effect_max 0)",
        ),
        *(
            Row(
                f"pten_{partner.lower()}",
                f"BT-474 without PTEN: {partner} restores the response",
                f"{partner} + trastuzumab > either",
                LU,
                slower,
                ("pten",),
                better([("pten", f"trastuzumab + {partner}", lesser) for lesser in (T, partner)]),
                GIVEN,
                "restored_response of the partner is an input",
            )
            for partner in ("triciribine", "RAD001")
        ),
        *(
            Row(
                f"fc_{name}",
                f"BT-474: intact trastuzumab better than {form}",
                f"intact > {form}",
                source,
                slower,
                ("fc",),
                better([("fc", T, form)]),
                GIVEN,
                "affinity for Fc receptors is an input",
            )
            for name, form, source in (
                ("hinge", "hinge-cleaved", "Fan 2012, Breast Cancer Res 14:R116"),
                ("fab2", "F(ab')2", "by definition"),
            )
        ),
        Row(
            "strains",
            "NCI-N87, 3 mg/kg: nude, SCID, NSG, FcgR-null",
            "nude >= SCID > NSG > FcgR-null",
            "PMC4958457, Table 1; Katano 2020",
            "effects on the growth rate in this order, 95 % intervals exclude zero; nude may equal SCID",
            STRAIN_STUDIES,
            strains(list(STRAIN_STUDIES), T),
            GIVEN,
            "densities and receptors of the strains are inputs",
        ),
        Row(
            "her2_negative",
            "MDA-MB-468 (HER2-negative): no effect",
            "no effect",
            "Collins 2012, Ann Oncol 23:1788 (in the well)",
            "T/C within 10 % of 100 %, or its 95 % interval includes 100 %",
            ("her2_negative",),
            no_effect("her2_negative", T),
            GIVEN,
            "one_arm_weight was chosen on this line in the well",
        ),
    ]
