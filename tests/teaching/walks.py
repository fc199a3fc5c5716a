"""Walks: ways through the lessons that take every ordered pair of them, and what a model says about each choice."""

from adccsim.teaching.lessons import lessons

NUMBERS = [lesson.number for lesson in lessons()]


def every_pair() -> list[int]:
    """Lesson numbers in an order in which every lesson follows every lesson, itself included, exactly once."""
    walk = [NUMBERS[0]]
    left = {(first, second) for first in NUMBERS for second in NUMBERS}
    while left:  # the highest next step first: this greedy walk takes all pairs (Martin 1934)
        step = max(second for first, second in left if first == walk[-1])
        left.remove((walk[-1], step))
        walk.append(step)
    return walk


def modelled(model) -> dict[str, object]:
    """Name of a control -> its value, read from the model itself: the condition that is simulated."""
    if hasattr(model, "plate"):
        condition = model.plate.sample.condition.as_dict()
        targets, effectors, antibody = condition["targets"], condition["effectors"], condition["antibody"]
        return {
            "dose": antibody["dose_ug_per_ml"], "antibody": antibody["name"], "et_ratio": effectors["et_ratio"],
            "genotype": effectors["genotype"], "cell_line": targets["cell_line"], "her2": targets["her2_per_cell"],
            "masked": targets["masked_fraction"], "format": condition["well"]["format"],
        }  # fmt: skip
    condition, dose = model.pair.treated.condition.as_dict(), model.pair.raw["arm"][1]["dose"][0]
    clone = condition["clones"][0]
    return {
        "dose": dose["mg_per_kg"], "antibody": dose["drug"], "strain": condition["strain"]["name"],
        "cell_line": clone["cell_line"], "her2": clone["her2_per_cell"],
        "volume": model.pair.raw["tumour"]["start_volume_mm3"],
    }  # fmt: skip


def expected_words(session) -> dict[str, str]:
    """Name of a control -> the words that must be shown for it."""
    values = modelled(session.model)
    return {control.name: control.words(values[control.name]) for control in session.show.controls()}
