"""The picture of the tumour's middle plane: what is drawn is what the engine holds."""

import io

import numpy as np
import pytest
from PIL import Image

from adccsim.teaching import picture, tumour_slice
from adccsim.teaching.tumour_model import TumourModel
from adccsim.xenograft.layout import CELL_SLOTS, DEAD, EFFECTOR_SLOTS, state_of


@pytest.fixture(scope="module")
def model():
    made = TumourModel(dose_mg_per_kg=1.0, start_volume_mm3=0.1, rng=3)
    made.run_for(40)
    return made


@pytest.fixture(scope="module")
def shot(model):
    return model.grid.slice()


def test_the_slice_holds_every_cell_and_effector_of_the_middle_plane(model, shot):
    engine = model.pair.treated.engine
    arrays, side = engine.arrays(), engine.side
    plane = slice((side // 2) * side**2, (side // 2 + 1) * side**2)
    n, ne = arrays["n"][plane], arrays["ne"][plane]
    cells = arrays["cells"].reshape(-1, CELL_SLOTS)[plane]
    words = np.sort(np.concatenate([cells[b, : n[b]] for b in np.flatnonzero(n)]))
    np.testing.assert_array_equal(np.sort(shot.words), words)
    effectors = arrays["effectors"].reshape(-1, EFFECTOR_SLOTS)[plane]
    wanted = np.sort(np.concatenate([effectors[b, : ne[b]] for b in np.flatnonzero(ne)]))
    np.testing.assert_array_equal(np.sort(shot.effector_words), wanted)
    assert len(words) > 1000


def test_a_cell_carries_what_the_engine_says_of_its_block_and_rank(model, shot):
    """The mean over a block's cells is the block's mean occupancy, within the width of the classes."""
    means = np.bincount(shot.cell_block, shot.occupancy) / np.maximum(np.bincount(shot.cell_block), 1)
    theta = model.pair.treated.engine.arrays()["occupancy"]
    plane = tumour_slice.plane_of(model.pair.treated.engine, shot.side)
    full = np.bincount(shot.cell_block, minlength=len(means)) > 40
    ratio = means[full] / theta[plane[shot.block_y, shot.block_x]][full]
    assert np.median(ratio) == pytest.approx(1.0, abs=0.1)
    assert shot.bound[shot.her2 == 0].sum() == 0


def test_each_living_cell_is_drawn_once_and_an_empty_place_is_floor(shot):
    """With effectors and vessels taken away, the centres of discs are as many as the living cells."""
    only = shot.__class__(**{**vars(shot), "effector_block": shot.effector_block[:0],
                             "effector_words": shot.effector_words[:0], "effector_site": shot.effector_site[:0],
                             "perfused": np.zeros(len(shot.perfused), bool)})  # fmt: skip
    image = tumour_slice.draw(only, "oxygen")
    scale = tumour_slice.pixels_per_site(shot.side)
    sites = image.reshape(shot.side * 9, scale, shot.side * 9, scale).transpose(0, 2, 1, 3)
    ramp = (sites >= 2) & (sites < 2 + 3 * len(picture.RAMP))
    assert ramp.any(axis=(2, 3)).sum() == (shot.living & (shot.site < tumour_slice.SHOWN)).sum()
    assert (shot.site >= tumour_slice.SHOWN).mean() < 0.01
    assert set(np.unique(image[:scale])) == {1}  # the field's edge is floor


def test_the_nearest_to_the_vessel_lie_in_the_middle_of_a_block(shot):
    from adccsim.xenograft.layout import rank_of

    rows, columns = tumour_slice._sites()
    lay = tumour_slice._lay_of(shot)[shot.cell_block]
    drawn = shot.site < tumour_slice.SHOWN
    away = np.hypot(
        rows[lay, np.minimum(shot.site, 80)] - rows[lay, 80], columns[lay, np.minimum(shot.site, 80)] - columns[lay, 80]
    )
    near, far = rank_of(shot.words) < 26, rank_of(shot.words) >= 230
    assert away[near & drawn].max() < away[far & drawn].mean()
    for places in zip(rows, columns, strict=True):
        assert len({*zip(*places, strict=True)}) == 81


def test_the_bars_count_the_living_cells_of_the_slice(shot):
    bars = tumour_slice.shares_by_occupancy(shot)
    assert sum(bars) == shot.living.sum()
    assert bars[-1] == (shot.living & (shot.occupancy >= 0.5)).sum()
    assert bars[0] == (shot.living & (shot.occupancy < 0.001)).sum()


def test_dead_cells_are_told_apart_by_who_killed_them(shot):
    dead = state_of(shot.words) == DEAD
    assert (shot.killed & dead).sum() > 0
    assert (~shot.killed & dead).sum() > 0
    assert not (shot.killed & shot.living).any()


def test_the_png_reads_back_and_the_views_differ(shot):
    pictures = {view: tumour_slice.draw(shot, view) for view in tumour_slice.VIEWS}
    for image in pictures.values():
        read = Image.open(io.BytesIO(tumour_slice.png(image)))
        np.testing.assert_array_equal(np.asarray(read), image)
    assert (pictures["bound"] != pictures["her2"]).any()
    assert (pictures["oxygen"] != pictures["her2"]).any()
    colours = [entry["colour"] for entry in tumour_slice.legend("bound")["entries"]]
    assert len(set(colours)) == len(colours)


def test_every_kind_explains_itself_under_the_pointer(shot):
    sites = shot.side * tumour_slice.EDGE
    titles = set()
    for row in range(0, sites, 2):
        for column in range(sites // 3, 2 * sites // 3):
            words = tumour_slice.under_pointer(shot, (column + 0.5) / sites, (row + 0.5) / sites)
            titles.add((words["title"], words["lines"][0] if words["title"] == "Tumour cell" else ""))
    names = {title for title, _ in titles}
    assert {"Outside the tumour", "Vessel", "No vessel", "Tumour cell", "Myeloid cell of the mouse"} <= names
    assert "Killed by an immune cell" in {line for _, line in titles}
    assert tumour_slice.under_pointer(shot, 1.0, 0.5) == {"title": "", "lines": []}


def test_a_slice_of_a_larger_box_shows_the_same_field(model):
    """Where a block is drawn hangs on its place from the centre of the box."""
    engine = model.pair.treated.engine
    plane = tumour_slice.plane_of(engine, 6)
    half = engine.side // 2
    assert plane[3, 3] == (half * engine.side + half) * engine.side + half
    assert (tumour_slice.plane_of(engine, engine.side + 4)[:2] == -1).all()
