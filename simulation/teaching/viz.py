"""Viz: the well, and the tumour, inside Mesa's own SolaraViz, for notebooks.

    from mesa.visualization import SolaraViz
    from adccsim.teaching import viz
    model = ADCCModel(rng=1)
    SolaraViz(model, components=viz.COMPONENTS, model_params=viz.model_params())

    SolaraViz(TumourModel(rng=1), components=viz.TUMOUR_COMPONENTS, model_params=viz.tumour_params())

The page of `adcc teach` draws the same pictures by a way of its own: SolaraViz renders a component again for every
picture and sends it as a widget's state, and its layout is a bar beside a grid of cards whatever the window's width.
"""

import numpy as np
import solara
from mesa.visualization.utils import update_counter

from adccsim.teaching import picture, tumour_slice
from adccsim.teaching.plate import CONTROL

_WIDTH, _HEIGHT, _DASHES = 480, 260, "5 4"


@solara.component
def WellPicture(model):
    """The well at this moment, tumour cells coloured by bound antibody."""
    update_counter.get()
    shot = picture.snapshot(model.plate.sample.engine)
    solara.Image(picture.png(picture.draw(shot, "bound")), width="min(100%, 70vh)")


@solara.component
def LysisCurve(model):
    """% specific lysis of the well (line) and of the control without antibody (dashes)."""
    update_counter.get()
    end_h = model.plate.end_tick / model.plate.per_h
    words = f"{model.hours:.2f} h: {model.specific_lysis_pct:.1f} %, without antibody {model.control_lysis_pct:.1f} %"
    lines = "".join(
        _line(_points(*model.plate.curve(role), end_h, 100), dashes)
        for role, dashes in (("sample", ""), (CONTROL, _DASHES))
    )
    _plot(f"Specific lysis after {words}", lines)


@solara.component
def SlicePicture(model):
    """The middle plane of the treated tumour, cells coloured by bound antibody."""
    update_counter.get()
    shot = model.grid.slice()
    solara.Image(tumour_slice.png(tumour_slice.draw(shot, "bound")), width="min(100%, 70vh)")


@solara.component
def VolumeCurve(model):
    """Volume of the treated tumour (line) and of its untreated twin (dashes)."""
    update_counter.get()
    days, treated, untreated = model.pair.curve()
    end_d, top = model.pair.end_tick / 24, 1.1 * max(treated.max(), untreated.max())
    lines = _line(_points(days, treated, end_d, top)) + _line(_points(days, untreated, end_d, top), _DASHES)
    words = f"{model.volume_mm3:.2f} mm3, untreated {model.control_volume_mm3:.2f}, TGI {model.tgi_pct:.0f} %"
    _plot(f"Day {model.days:.1f}: {words}", lines)


def _plot(text: str, lines: str) -> None:
    head = f'<text x="4" y="16" font-size="15" fill="currentColor">{text}</text>'
    svg = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" style="width:100%" role="img">{head}{lines}</svg>'
    solara.HTML(tag="div", unsafe_innerHTML=svg)


def _line(points: str, dashes: str = "") -> str:
    style = f'fill="none" stroke="#0b6670" stroke-width="2" stroke-dasharray="{dashes}"'
    return f'<polyline points="{points}" {style}/>'


def _points(times: np.ndarray, values: np.ndarray, end: float, top: float) -> str:
    """SVG points of a curve; undefined values are left out."""
    known = np.isfinite(values)
    x, y = _WIDTH * times[known] / end, (_HEIGHT - 6) - (_HEIGHT - 40) * np.clip(values[known], 0, top) / top
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


COMPONENTS = [(WellPicture, 0), (LysisCurve, 0)]
TUMOUR_COMPONENTS = [(SlicePicture, 0), (VolumeCurve, 0)]


def model_params() -> dict:
    """Sliders of SolaraViz for the parameters that matter most; they act at Reset. `rng`: the seed."""
    doses = [0.0, 1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0]
    ratios = [0.5, 1.0, 2.0, 5.0]
    return {
        "dose_ug_per_ml": {"type": "Select", "label": "Antibody, ug/mL", "value": 1.0, "values": doses},
        "et_ratio": {"type": "Select", "label": "NK cells per tumour cell", "value": 5.0, "values": ratios},
        "genotype": {"type": "Select", "label": "CD16a", "value": "VF", "values": ["VV", "VF", "FF"]},
        "rng": 1,
    }


def tumour_params() -> dict:
    """The same for a tumour."""
    doses = [0.0, 0.1, 1.0, 10.0]
    strains = ["nude", "SCID", "NSG", "FcgR-null"]
    return {
        "dose_mg_per_kg": {"type": "Select", "label": "Antibody, mg/kg", "value": 10.0, "values": doses},
        "strain": {"type": "Select", "label": "Mouse", "value": "nude", "values": strains},
        "rng": 1,
    }
