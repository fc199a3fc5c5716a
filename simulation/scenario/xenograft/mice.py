"""Mice: what differs from one to the next, and what a caliper reads.

Draws    every number of a mouse is a function of (seed, mouse number, what is drawn) and, unless runs are paired, of
         the arm's name: one more mouse, arm or sweep value changes no other. Paired: mouse i is the same in every arm.
Volume   log-normal about the study's mean; a mouse whose caliper volume at randomisation leaves the window of enrolment
         is not enrolled, and the next candidate is drawn.
Caliper  the tumour is an ellipsoid of axes a W, W, W: V = pi/6 a W^3, read as L W^2/2, which is 4.5 % low by itself.
         Length and width err independently by the share sd(V) / (sqrt(5) V) of themselves, so that L W^2 has the error
         sd(V) = c max(V, floor)^power; below the limit of quantification the share stays.
Source   Benzekry 2014, PLoS Comput Biol (error); catalogue mice.toml for all numbers.
Limits   c = 0 and any aspect: reading = 3/pi V; many readings: SD of ln = sd(V)/V   (tests/scenario/test_mice.py)
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from adccsim.conditions.mouse import CaliperError, MouseFactors

_CANDIDATES = 1000
_DIGITS = 9  # of drawn numbers: enough for any use, and the same on machines whose last digits differ


class NoMouseError(ValueError):
    """No candidate's tumour lies in the window of enrolment."""


@dataclass(frozen=True)
class MouseTraits:
    """One mouse: true volume at randomisation, and how it differs from the typical mouse."""

    start_volume_mm3: float
    factors: MouseFactors


def unit_of(seed: int, random: str, arm: str, mouse: int) -> str:
    """The root of all draws of one mouse."""
    return f"mouse {seed} {mouse}" if random == "paired" else f"mouse {seed} {mouse} of {arm}"


def uniform(unit: str, *what: object) -> float:
    """A number in (0, 1) that belongs to a mouse and a purpose."""
    digest = hashlib.sha256("|".join([unit, *map(str, what)]).encode("utf-8")).digest()
    return (int.from_bytes(digest[:6], "big") + 0.5) / 2.0**48


def score(unit: str, *what: object) -> float:
    """A standard normal number that belongs to a mouse and a purpose."""
    return NormalDist().inv_cdf(uniform(unit, *what))


def draw_mouse(unit: str, mean_volume_mm3: float, numbers: Mapping[str, float], error: CaliperError) -> MouseTraits:
    """The mouse of a unit. numbers: those of a strain (catalogue mice); error: of the caliper at randomisation.

    Raises NoMouseError where nearly no candidate can be enrolled.
    """
    low, high = numbers["aspect_low"], numbers["aspect_high"]
    aspect = round(low + (high - low) * uniform(unit, "aspect"), _DIGITS)

    def factor(what: str, log_sd: float) -> float:
        return round(math.exp(log_sd * score(unit, what)), _DIGITS)

    log_sd = math.sqrt(math.log1p(numbers["start_volume_cv"] ** 2))
    window = (numbers["enrolment_low_mm3"], numbers["enrolment_high_mm3"])
    for candidate in range(_CANDIDATES):
        volume = round(mean_volume_mm3 * math.exp(log_sd * score(unit, "volume", candidate) - 0.5 * log_sd**2), _DIGITS)
        if window[0] <= read_caliper(unit, 0.0, volume, aspect, error)[2] <= window[1]:
            factors = MouseFactors(
                growth=factor("growth", numbers["growth_log_sd"]),
                clearance=factor("clearance", numbers["clearance_log_sd"]),
                effector_density=factor("effectors", numbers["effector_density_log_sd"]),
                vessels=factor("vessels", numbers["vessel_log_sd"]),
                aspect=aspect,
            )
            return MouseTraits(volume, factors)
    raise NoMouseError(f"none of {_CANDIDATES} candidates reads {window[0]:g}-{window[1]:g} mm3 at randomisation")


def read_caliper(
    unit: str, day: float, volume_mm3: float, aspect: float, error: CaliperError
) -> tuple[float, float, float]:
    """Length and width in mm and volume in mm3 as a caliper reads them on a day; zeros for no tumour at all."""
    if volume_mm3 <= 0.0:
        return 0.0, 0.0, 0.0
    true_width = (6.0 * volume_mm3 / (math.pi * aspect)) ** (1.0 / 3.0)
    fraction = caliper_fraction(volume_mm3, error) / math.sqrt(5.0)
    length = aspect * true_width * max(0.0, 1.0 + fraction * score(unit, "length", day))
    width = true_width * max(0.0, 1.0 + fraction * score(unit, "width", day))
    length, width = max(length, width), min(length, width)
    return round(length, _DIGITS), round(width, _DIGITS), round(length * width * width / 2.0, _DIGITS)


def caliper_fraction(volume_mm3: float, error: CaliperError) -> float:
    """SD of a caliper volume over the volume itself."""
    sd = error.coefficient * max(volume_mm3, error.floor_mm3) ** error.power
    return sd / max(volume_mm3, error.limit_of_quantification_mm3)
