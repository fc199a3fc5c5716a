"""The picture shows every cell where it is, by kind and by what it carries."""

import io

import numpy as np
import pytest
from PIL import Image

from adccsim.teaching import picture
from adccsim.teaching.model import ADCCModel
from adccsim.well.layout import ALIVE, CLEARED, DEAD


@pytest.fixture(scope="module")
def model():
    """A well in which every kind of cell is to be seen."""
    model = ADCCModel(cells=500, et_ratio=4.0, effector="NK-IL2", rng=3)
    model.run_for(150)
    return model


@pytest.fixture(scope="module")
def shot(model):
    return picture.snapshot(model.plate.sample.engine)


def at(image, shot, x, y):
    """Palette indices on the sites (x, y), shape (n, scale, scale)."""
    scale = picture.pixels_per_site(len(shot.inside))
    blocks = image.reshape(len(shot.inside), scale, len(shot.inside), scale).swapaxes(1, 2)
    return blocks[np.asarray(y), np.asarray(x)]


def kind_of(index):
    """Place in COLOURS of a palette index of a cell."""
    return (index.astype(int) - 2) // 3


def test_an_empty_well_is_floor_inside_and_clear_outside():
    inside = np.ones((10, 10), bool)
    inside[0] = False
    nothing = {name: np.zeros(0, np.int16) for name in (
        "target_x", "target_y", "target_status", "target_her2", "target_bound",
        "effector_x", "effector_y", "effector_state", "effector_kills",
    )}  # fmt: skip
    image = picture.draw(picture.Snapshot(nothing, inside, 0.0), "bound")
    scale = picture.pixels_per_site(10)
    assert image.shape == (10 * scale, 10 * scale)
    assert (image[:scale] == 0).all()
    assert (image[scale:] == 1).all()


@pytest.mark.parametrize("view", list(picture.VIEWS))
def test_every_living_target_has_the_colour_of_what_it_carries(shot, view):
    cells = shot.cells
    image = picture.draw(shot, view)
    alive = cells["target_status"] == ALIVE
    centre = at(image, shot, cells["target_x"][alive], cells["target_y"][alive])[:, -1, -1]  # inner corner of its sites
    level = picture.ramp_level(cells[f"target_{view}"][alive])
    assert np.array_equal(kind_of(centre), level)
    assert len(set(level)) > 3


def test_the_ramp_grows_with_the_logarithm_and_stops_at_its_ends():
    assert picture.ramp_level(np.array([0.0, picture.LOW, picture.HIGH, 1e9])).tolist() == [0, 0, 11, 11]
    middle = np.sqrt(picture.LOW * picture.HIGH)
    assert picture.ramp_level(np.array([middle * 0.99, middle * 1.01])).tolist() == [5, 6]


def test_dying_is_a_ring_lysed_is_debris_and_what_is_cleared_is_gone(shot):
    cells = shot.cells
    image = picture.draw(shot, "bound")
    status = cells["target_status"]
    for chosen, name in ((status == DEAD, "lysed"), ((status > ALIVE) & (status < DEAD), "dying")):
        assert chosen.sum() > 5
        inner = at(image, shot, cells["target_x"][chosen], cells["target_y"][chosen])
        colours = set(kind_of(inner[inner > 1])) - set(range(len(picture.RAMP)))
        assert picture._KIND[name] in colours
        assert (inner == 1).mean() > 0.2  # hollow: the floor shows
    assert (status == CLEARED).any()


def test_nk_cells_are_told_apart_by_state_and_kills(shot):
    cells = shot.cells
    kinds = picture.nk_kinds(cells)
    held = (cells["effector_state"] == 1) | (cells["effector_state"] == 2)
    assert (kinds[held] == picture._KIND["holding"]).all()
    free = cells["effector_state"] == 0
    for kills, name in ((0, "searching"), (1, "killer"), (2, "serial")):
        assert (kinds[free & (cells["effector_kills"] == kills)] == picture._KIND[name]).all()
    assert (kinds[cells["effector_state"] == 3] == picture._KIND["dead"]).all()
    assert set(kinds) == {picture._KIND[name] for name in ("searching", "holding", "killer", "serial", "dead")}
    image = picture.draw(shot, "bound")
    middle = at(image, shot, cells["effector_x"][held], cells["effector_y"][held])[:, 2, 2]
    assert (kind_of(middle) == picture._KIND["holding"]).all()  # drawn last: nothing hides a cell at work


def test_the_png_is_the_picture(shot):
    image = picture.draw(shot, "bound")
    read = Image.open(io.BytesIO(picture.png(image)))
    assert read.mode == "P"
    assert np.array_equal(np.asarray(read), image)
    assert np.array_equal(np.asarray(read.getpalette(), np.uint8).reshape(-1, 3)[: image.max() + 1],
                          picture.palette()[: image.max() + 1])  # fmt: skip
    clear = np.asarray(read.convert("RGBA"))[..., 3] == 0
    assert np.array_equal(clear, image == 0)


def test_pixels_per_site_keep_the_picture_near_its_size():
    assert [picture.pixels_per_site(side) for side in (52, 152, 302, 641)] == [8, 6, 3, 2]


def test_what_lies_under_the_pointer(model, shot):
    side = len(shot.inside)

    def said(x, y):
        return picture.under_pointer(shot, (x + 0.5) / side, (y + 0.5) / side)

    nk = model.nk_cells.select(lambda cell: cell.state == "killing").to_list()[0]
    assert said(*nk.pos)["title"] == f"NK cell {nk.row + 1}"
    assert said(*nk.pos)["lines"][0] == "Holding a tumour cell"
    assert str(nk.granules) in said(*nk.pos)["lines"][2]
    cell = model.tumour_cells.select(lambda cell: cell.alive and cell.bound > 0).to_list()[0]
    x, y = cell.pos
    for dx, dy in ((0, 0), (1, 1)):
        words = said(x + dx, y + dy)
        assert words["title"] == f"Tumour cell {cell.row + 1}"
        assert words["lines"][0] == f"{cell.her2:,.0f} HER2 receptors"
    for place in ((-0.1, 0.5), (0.5, 1.2), (0.0, 0.0), (float("nan"), 0.5)):
        assert picture.under_pointer(shot, *place)["title"] == ""


def test_the_legend_has_every_kind_in_its_colour():
    legend = picture.legend()
    shown = {entry["colour"] for entry in legend["entries"]} | set(legend["ramp"])
    assert shown == {"#{:02x}{:02x}{:02x}".format(*colour) for colour in picture.COLOURS}
