"""Studies as they occur in laboratories and on which naive statistics fail, by name."""

from tests.analysis.growth.sheets import exponential, rows_of

NAN = float("nan")
DAYS = (0, 5, 10, 15, 21)
GROW = [100, 150, 230, 340, 500]
SHRINK = [100, 60, 30, 10, 0]


def jitter(volumes: list[float], i: int) -> list[float]:
    """The volumes of mouse i: a few per cent different, the same on every call."""
    return [v * (1 + 0.03 * ((i * 7 + j * 3) % 5 - 2)) for j, v in enumerate(volumes)]


def several(volumes: list[float], n: int = 5) -> list[list[float]]:
    """n mice with such volumes."""
    return [jitter(volumes, i) for i in range(n)]


def study(vehicle: list, drug: list, days: tuple = DAYS):
    """Rows of two arms."""
    return rows_of({"vehicle": vehicle, "drug": drug}, days)


def with_deaths(rows):
    """A mouse without any volume died on day 5."""
    unmeasured = rows.groupby(["arm", "mouse"])["volume_mm3"].transform("count") == 0
    return rows.assign(event=["death" if s and d == 5 else "" for s, d in zip(unmeasured, rows["day"], strict=True)])


CLEARED = [100, 0, 0, 0, 0]
GAPS = [[100, NAN, 230, NAN, 500], [100, 140, NAN, 350, NAN], [NAN, 150, 240, 330, 480]]
MORE_GAPS = [[100, NAN, NAN, NAN, 200], [NAN, NAN, NAN, 180, NAN], [90, 95, NAN, NAN, NAN]]
SMALL = [[100, 900], [110, 800], [90, 990]], [[100, 400], [95, 500], [105, 420]]
DOUBLING = [100, 200, 400, 800, 1600]

AWKWARD = {
    "three mice, two days": study(*SMALL, (0, 21)),
    "regression to zero": study(several(GROW), [[100, 20, 0, 0, 0]] * 5),
    "everything regresses to zero": study([CLEARED] * 4, [CLEARED] * 4),
    "one mouse per arm": study([GROW], [SHRINK]),
    "one treated mouse": study(several(GROW), [GROW]),
    "one control mouse": study([GROW], several(GROW)),
    "missing days": study(GAPS, MORE_GAPS),
    "treated arm not read on the day of evaluation": study(several(GROW), several(GROW[:3])),
    "ties": study([GROW] * 4, [GROW] * 4),
    "equal slopes in each arm": study([DOUBLING] * 4, [[100] * 5] * 4, (0, 5, 10, 15, 20)),
    "all respond": study(several(SHRINK), several(SHRINK, 4)),
    "perfect separation": study(several([100, 400, 1600, NAN, NAN]), several([100, 150, 200, 400, 1600])),
    "only the first day": study(several([100]), several([110]), (0,)),
    "no start volume": study(several([0, 50, 100, 200, 400]), [[0] * 5] * 5),
    "control shrinks": study(several(SHRINK), several(GROW)),
    "control arm alone": rows_of({"vehicle": several(GROW)}, DAYS),
    "randomised on day 12": study(several(GROW), several(SHRINK), tuple(d + 12 for d in DAYS)),
    "starts above the end point": study(several([1200, 1300, 1500, NAN, NAN]), several([900, 1300, 1500, 1600, 1700])),
    "a mouse that was never measured": with_deaths(study([[NAN] * 5, *several(GROW)], [[NAN] * 5, *several(SHRINK)])),
    "an arm that was never measured": with_deaths(study(several(GROW), [[NAN] * 5] * 3)),
    "ten arms": exponential({"vehicle": 0.1, **{f"drug {i}": 0.1 - 0.01 * i for i in range(9)}}, mice=3),
}
