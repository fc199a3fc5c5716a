"""The posterior by emulation compared with known posteriors."""

import numpy as np
import pytest

from adccsim.analysis.fitting import emulator
from adccsim.analysis.fitting.calibration import UNIFORM_SD, Free, neighbours
from adccsim.analysis.fitting.emulator import chains, plane, sample, split_r_hat, surface

FREE = [Free("effectors.default.motility", 0.5, 2.0), Free("cell_lines.default.death_time_h", 0.25, 3.0)]
HALF_WAY = {each.path: each.value(0.5) for each in FREE}


@pytest.fixture
def short_chains(monkeypatch):
    """Two parameters do not need long chains."""
    monkeypatch.setattr(emulator, "_STEPS", 500)
    monkeypatch.setattr(emulator, "_BURN", 200)


def linear(values):
    """z of three rows: the sum and the difference of both coordinates, and a row that depends on neither."""
    a, b = (each.unit(values[each.path]) for each in FREE)
    return np.array([(a + b - 1.0) / 0.1, (a - b) / 0.1, 0.7])


def start(chains_, parameters, seed=1):
    return np.clip(0.5 + np.random.default_rng(seed).normal(0, 0.02, (chains_, parameters)), 0, 1)


def test_chains_sample_the_given_density_inside_the_unit_cube():
    """A normal of SD 0.1 with correlation 0.8, and one truncated to half by the edge of the cube."""
    inverse = np.linalg.inv(np.array([[1, 0.8], [0.8, 1]]) * 0.01)

    def density(units):
        away = units - np.array([0.5, 0.5])
        return -0.5 * np.einsum("ni,ij,nj->n", away[:, :2], inverse, away[:, :2])

    kept = chains(density, start(100, 2), np.random.default_rng(2), 1200, 400)
    flat = kept.reshape(-1, 2)
    assert split_r_hat(kept) < 1.05
    assert flat.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.01)
    assert flat.std(axis=0) == pytest.approx([0.1, 0.1], rel=0.06)
    assert np.corrcoef(flat.T)[0, 1] == pytest.approx(0.8, abs=0.04)

    def at_edge(units):
        return -0.5 * (units[:, 0] / 0.1) ** 2

    truncated = chains(at_edge, start(100, 1), np.random.default_rng(3), 1200, 400).ravel()
    assert truncated.min() >= 0
    assert truncated.mean() == pytest.approx(0.1 * np.sqrt(2 / np.pi), rel=0.06)  # half-normal


def test_a_surface_recovers_a_polynomial_and_its_noise():
    rng = np.random.default_rng(4)
    units = rng.random((120, 3))
    truth = np.column_stack([1 + 2 * units[:, 0] - 5 * units[:, 1] ** 2 + units[:, 0] * units[:, 2], units[:, 2]])
    rows = truth + rng.normal(0, 0.2, truth.shape)
    result = surface(units, rows)
    new = rng.random((50, 3))
    z = result.z(new)
    exact = 1 + 2 * new[:, 0] - 5 * new[:, 1] ** 2 + new[:, 0] * new[:, 2]
    assert np.sqrt(np.mean((z[:, 0] - exact) ** 2)) < 0.1
    assert result.noise == pytest.approx([0.2, 0.2], rel=0.25)


def test_a_plane_through_slopes_is_the_plane():
    units = np.array(neighbours(np.array([0.4, 0.97]))[0])
    rows = units @ np.array([[3.0, 0.0], [-2.0, 1.0]]) + 1
    assert plane(units, rows).z(np.array([[0.1, 0.2]]))[0] == pytest.approx([0.9, 1.2])


def test_a_linear_model_gives_its_exact_posterior_and_sampling_resumes(short_chains):
    """Sum and difference observed with SD 0.1: both coordinates are normal, SD 0.1 / sqrt 2, far from the edges."""
    stored, asked = {}, []

    def z_of(points):
        asked.extend(points)
        return [linear(point) for point in points]

    def recall(name, draw):
        return stored.setdefault(name, draw() if name not in stored else None)

    arguments = (FREE, HALF_WAY, z_of, 30, 2, 7)
    result = sample(*arguments, recall=recall)
    units = np.array([[each.unit(v) for v in result.posterior[each.path]] for each in FREE]).T
    assert units.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.015)
    assert units.std(axis=0) == pytest.approx([0.1 / np.sqrt(2)] * 2, rel=0.1)
    assert result.posterior["weight"].sum() == pytest.approx(1)
    assert len(asked) == result.facts["points_simulated"] == 3 + 2 * 30
    assert result.checked.shape == (30, 3)
    assert result.facts["rms_error_of_z_in_the_last_round"] < 0.02
    before = list(asked)
    again = sample(*arguments, recall=recall)
    assert asked == before * 2  # the same points, so that a store would have their results
    assert again.posterior.equals(result.posterior)


def test_uninformed_parameters_keep_the_prior_and_noise_widens_the_posterior(short_chains):
    """Only the first coordinate is observed, and the noise of the wells is as large as that of the data."""
    rng = np.random.default_rng(8)

    def z_of(points):
        return [np.array([(FREE[0].unit(p[FREE[0].path]) - 0.5) / 0.1 + rng.normal(0, 1.0)]) for p in points]

    result = sample(FREE, HALF_WAY, z_of, 80, 2, 9)
    units = np.array([[each.unit(v) for v in result.posterior[each.path]] for each in FREE]).T
    assert units[:, 0].std() == pytest.approx(0.1 * np.sqrt(2), rel=0.2)
    assert units[:, 1].std() / UNIFORM_SD == pytest.approx(1, abs=0.12)
    assert result.facts["rms_error_of_z_leave_one_out"] == pytest.approx(1.0, rel=0.25)
