"""Tumour controls: what a visitor may set about the mouse; see controls.py for how a control works."""

from adccsim.parameters import lookup
from adccsim.teaching.controls import Control, receptor_words

_DOSES = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_ANTIBODIES = {
    "trastuzumab": "trastuzumab",
    "trastuzumab-afucosylated": "afucosylated trastuzumab",
    "trastuzumab-Fc-null": "no grip for Fc receptors: Fc-null",
    "trastuzumab-F(ab')2": "no Fc part: F(ab')2, cleared within a day",
    "isotype-control": "isotype control, binds no HER2",
}
_STRAINS = {
    "nude": "nude: no T cells",
    "SCID": "SCID: fewer NK cells",
    "NSG": "NSG: no NK cells",
    "FcgR-null": "no Fc receptors (FcγR-null)",
    "NSG-human-NK": "NSG with human NK cells",
}


def dose_words(mg_per_kg: float) -> str:
    """A dose in mice."""
    return f"{mg_per_kg:g} mg/kg" if mg_per_kg else "none"


def controls() -> tuple[Control, ...]:
    """All controls, in the order of the page."""
    known = lookup.load()
    her2 = {
        name: tumour.numbers.get("her2_per_cell", known.cell_lines[name].numbers["her2_per_cell"]).value
        for name, tumour in known.tumours.items()
        if tumour.numbers["grows"].value
    }
    return (
        Control(
            "dose", "Antibody dose, given on days 0 and 7", "slider", "arm[1].dose[0].mg_per_kg", _DOSES, dose_words,
            lambda condition: condition["raw"]["arm"][1]["dose"][0]["mg_per_kg"],
        ),
        Control(
            "antibody", "Antibody", "choice", "arm[1].dose[0].drug", tuple(_ANTIBODIES),
            lambda name: _ANTIBODIES.get(name, name),
            lambda condition: condition["raw"]["arm"][1]["dose"][0]["drug"],
        ),
        Control(
            "strain", "Mouse", "choice", "mouse.strain", tuple(_STRAINS), lambda name: _STRAINS.get(name, name),
            lambda condition: condition["strain"]["name"],
        ),
        Control(
            "cell_line", "Tumour cell line", "choice", "tumour.clone[0].cell_line",
            tuple(sorted(her2, key=lambda name: -her2[name])), lambda name: f"{name}, {receptor_words(her2[name])}",
            lambda condition: condition["clones"][0]["cell_line"], ("tumour.clone[0].her2_per_cell",),
        ),
        Control(
            "her2", "HER2 level", "slider", "tumour.clone[0].her2_per_cell",
            tuple(m * 10.0**e for e in range(4, 7) for m in (1, 2, 5)), receptor_words,
            lambda condition: condition["clones"][0]["her2_per_cell"],
        ),
        Control(
            "volume", "Volume on day 0", "choice", "tumour.start_volume_mm3", (0.25, 0.5, 1.0, 2.0),
            lambda mm3: f"about {mm3:g} mm³, {100_000 * mm3:,.0f} cells",
            lambda condition: condition["raw"]["tumour"]["start_volume_mm3"],
        ),
    )  # fmt: skip
