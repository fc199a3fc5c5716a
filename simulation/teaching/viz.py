"""Viz: the well inside Mesa's own SolaraViz, for notebooks.

    from mesa.visualization import SolaraViz
    from simulation.teaching import viz
    model = ADCCModel(rng=1)
    SolaraViz(model, components=viz.COMPONENTS, model_params=viz.model_params())

The page of `adcc teach` draws the same pictures, but by a way of its own that is several times as fast.
"""

import numpy as np
import solara
from mesa.visualization.utils import update_counter

from simulation.teaching import picture
from simulation.teaching.plate import CONTROL

_WIDTH, _HEIGHT = 480, 260


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
        f'<polyline points="{_points(*model.plate.curve(role), end_h)}" fill="none" stroke="#0b6670" stroke-width="2" '
        f'stroke-dasharray="{dashes}"/>'
        for role, dashes in (("sample", ""), (CONTROL, "5 4"))
    )
    text = f'<text x="4" y="16" font-size="15" fill="currentColor">Specific lysis after {words}</text>'
    svg = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" style="width:100%" role="img">{text}{lines}</svg>'
    solara.HTML(tag="div", unsafe_innerHTML=svg)


def _points(hours: np.ndarray, lysis: np.ndarray, end_h: float) -> str:
    """SVG points of a curve; undefined values are left out."""
    known = np.isfinite(lysis)
    x, y = _WIDTH * hours[known] / end_h, (_HEIGHT - 6) - (_HEIGHT - 40) * np.clip(lysis[known], 0, 100) / 100
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


COMPONENTS = [(WellPicture, 0), (LysisCurve, 0)]


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
