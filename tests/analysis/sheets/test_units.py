"""Units of headers are converted exactly, and columns in another unit than their header says are noticed."""

import numpy as np
import pytest

from adccsim.analysis.sheets.units import EXTENTS, UnknownUnit, factor, header_meaning, implausible

ALIASES = {
    "volume": "volume",
    "tumor_volume": "volume",
    "study_day": "day",
    "dose": "dose",
    "lysis": "lysis",
    "w": "width",
}


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("volume_cm3", ("volume", "cm3")), ("Tumor Volume (mm³)", ("volume", "mm3")), ("Volume [mL]", ("volume", "ml")),
        ("Tumor Volume (mm^3)", ("volume", "mm3")), ("Study Day", ("day", "")), ("dose_ng_per_ml", ("dose", "ng_ml")),
        ("Dose (µg/mL)", ("dose", "ug_ml")), ("dose nM", ("dose", "nm")), ("Lysis (%)", ("lysis", "%")),
        ("lysis_fraction", ("lysis", "fraction")), ("w_cm", ("width", "cm")), ("colour", None), ("volume_red", None),
    ],
)  # fmt: skip
def test_headers_are_a_meaning_and_a_unit(title, expected):
    assert header_meaning(title, ALIASES) == expected


@pytest.mark.parametrize(
    ("quantity", "unit", "size"),
    [
        ("volume", "cm3", 1000), ("volume", "ml", 1000), ("volume", "", 1), ("length", "cm", 10),
        ("weight", "kg", 1000),
        ("dose", "ng_ml", 1e-3), ("dose", "pg_ml", 1e-6), ("dose", "mg_l", 1), ("dose", "mg_ml", 1000),
        ("lysis", "fraction", 100), ("lysis", "%", 1), ("day", "weeks", 7), ("day", "hours", 1 / 24),
    ],
)  # fmt: skip
def test_factors(quantity, unit, size):
    assert factor(quantity, unit) == size


def test_units_that_cannot_be_converted_say_why():
    with pytest.raises(UnknownUnit, match="molar mass"):
        factor("dose", "nm")
    with pytest.raises(UnknownUnit, match="'inch' is not known; one of mm, cm"):
        factor("length", "inch")


@pytest.mark.parametrize("quantity", EXTENTS)
def test_a_column_is_judged_as_a_whole_and_from_three_numbers_on(quantity):
    extent = EXTENTS[quantity]
    inside = np.sqrt(max(extent.low, 1e-3) * extent.high)
    high = np.full(3, 2 * extent.high)
    assert extent.high_advice in implausible(quantity, high)
    assert implausible(quantity, high[:2]) == implausible(quantity, [*high, inside]) == ""
    if extent.low > 0:
        low = np.array([extent.low, extent.low / 2, extent.low / 3, 0.0, np.nan])
        assert extent.low_advice in implausible(quantity, low) and "other than zero" in implausible(quantity, low)
        assert implausible(quantity, [*low, inside]) == ""
