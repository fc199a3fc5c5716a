"""The model and its picture work inside Mesa's own SolaraViz."""

import ipyvuetify as v
import pytest
import solara
from mesa.visualization import SolaraViz

from adccsim.teaching import picture, tumour_slice, viz
from adccsim.teaching.model import ADCCModel
from adccsim.teaching.tumour_model import TumourModel


@pytest.fixture
def rendered():
    """rendered(element) -> the context of the element, rendered without a browser; closed at the end."""
    contexts = []

    def render(element):
        contexts.append(solara.render(element, handle_error=False)[1])
        return contexts[-1]

    yield render
    for context in contexts:
        context.close()


def test_solara_viz_steps_the_model_and_makes_a_new_one_on_reset(rendered):
    models = []

    class Watched(ADCCModel):
        def __init__(self, **params):
            super().__init__(**params)
            models.append(self)

    first = Watched(rng=1, cells=100)
    shown = SolaraViz(first, components=viz.COMPONENTS, model_params=viz.model_params() | {"cells": 100})
    context = rendered(solara.AppLayout(children=[shown]))
    context.find(v.Btn, children=["Step"]).widget.click()
    assert first.plate.tick == 1
    context.find(v.Select, label="CD16a").widget.v_model = "FF"
    context.find(v.Btn, children=["Reset"]).widget.click()
    assert len(models) == 2
    assert models[1].plate.tick == 0
    assert models[1].plate.sample.condition.run_key == first.plate.sample.condition.run_key  # the same seed
    assert models[1].plate.sample.condition.effectors.genotype == "FF"


def test_the_parts_show_the_picture_and_the_curve(rendered, monkeypatch):
    model = ADCCModel(rng=1, cells=100)
    model.run_for(60)
    pictures, texts = [], []
    monkeypatch.setattr(viz.solara, "Image", lambda data, **_: pictures.append(data))
    monkeypatch.setattr(viz.solara, "HTML", lambda **given: texts.append(given["unsafe_innerHTML"]))
    rendered(viz.WellPicture(model))
    rendered(viz.LysisCurve(model))
    assert pictures[0] == picture.png(picture.draw(picture.snapshot(model.plate.sample.engine), "bound"))
    assert f"{model.specific_lysis_pct:.1f} %" in texts[0]
    lines = texts[0].split('points="')[1:]
    assert [line.partition('"')[0].count(",") for line in lines] == [61, 61]


def test_solara_viz_steps_and_resets_the_tumour(rendered):
    models = []

    class Watched(TumourModel):
        def __init__(self, **params):
            super().__init__(**params)
            models.append(self)

    first = Watched(rng=1, start_volume_mm3=0.02)
    params = viz.tumour_params() | {"start_volume_mm3": 0.02}
    shown = SolaraViz(first, components=viz.TUMOUR_COMPONENTS, model_params=params)
    context = rendered(solara.AppLayout(children=[shown]))
    context.find(v.Btn, children=["Step"]).widget.click()
    assert first.pair.tick == 1
    context.find(v.Select, label="Mouse").widget.v_model = "NSG"
    context.find(v.Btn, children=["Reset"]).widget.click()
    assert len(models) == 2
    assert models[1].pair.treated.condition.strain.name == "NSG"


def test_the_parts_show_the_slice_and_both_volumes(rendered, monkeypatch):
    model = TumourModel(rng=1, start_volume_mm3=0.02)
    model.run_for(12)
    pictures, texts = [], []
    monkeypatch.setattr(viz.solara, "Image", lambda data, **_: pictures.append(data))
    monkeypatch.setattr(viz.solara, "HTML", lambda **given: texts.append(given["unsafe_innerHTML"]))
    rendered(viz.SlicePicture(model))
    rendered(viz.VolumeCurve(model))
    assert pictures[0] == tumour_slice.png(tumour_slice.draw(model.grid.slice(), "bound"))
    assert f"TGI {model.tgi_pct:.0f} %" in texts[0]
    assert [line.partition('"')[0].count(",") for line in texts[0].split('points="')[1:]] == [13, 13]
