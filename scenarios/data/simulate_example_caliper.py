"""Writes example_caliper.csv: a made-up study of five arms with eight mice, as a laboratory would have typed it.

    python scenarios/data/simulate_example_caliper.py

Model    Tumour volume V0 exp(k day): ln V0 normal around 150 mm3 (CV 12 %), k normal per mouse. Means of k: vehicle
         0.118 and trastuzumab 0.084 per day, the mean rates of one published NCI-N87 study (table 2 of
         doi:10.1080/15384047.2016.1139248: 98.2 -> 1167.7 and 112.3 -> 658.8 mm3 in 21 days); every other mean and the
         spreads are assumed.
         Calipers: length / width between 1.2 and 1.5 per mouse, reading error such that the volume has the standard
         deviation 0.21 max(V, 83)^0.84 mm3 (assumed), rounded to 0.1 mm; under 4 mm3 nothing is felt: 0 x 0.
         A mouse leaves at the first volume L W^2 / 2 of 1500 mm3 or more; one ulceration and one death are set by hand.
         Body weight around 22 g, with a loss that passes under the combination. These are no data of any experiment.
"""

from pathlib import Path

import numpy as np

DAYS = (0, 3, 7, 10, 14, 17, 21, 24, 28)
ARMS = {  # mean and standard deviation of the growth rate per day, greatest mean weight loss in %
    "vehicle": (0.118, 0.012, 0.0),
    "trastuzumab": (0.084, 0.012, 0.5),
    "trastuzumab Fc-null": (0.107, 0.012, 0.5),
    "pertuzumab": (0.097, 0.012, 0.5),
    "trastuzumab + pertuzumab": (-0.07, 0.045, 6.0),
}
MICE = 8
ENDPOINT_MM3 = 1500.0
LOSSES = {  # (arm, mouse): (day, event, reason)
    ("trastuzumab", "m13"): (17, "removed", "ulceration"),
    ("pertuzumab", "m26"): (14, "death", "found dead, cause unknown"),
}


def main() -> None:
    """Write the sheet beside this file."""
    rng = np.random.default_rng(20_260)
    lines = ["study,arm,mouse,day,length_mm,width_mm,body_weight_g,event,reason"]
    number = 0
    for arm, (rate, spread, loss_pct) in ARMS.items():
        for _ in range(MICE):
            number += 1
            lines += _mouse(rng, arm, f"m{number:02d}", rng.normal(rate, spread), loss_pct)
    Path(__file__).with_name("example_caliper.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _mouse(rng: np.random.Generator, arm: str, mouse: str, rate: float, loss_pct: float) -> list[str]:
    start = 150 * np.exp(rng.normal(0, 0.12))
    aspect = rng.uniform(1.2, 1.5)
    weight = rng.normal(22, 1.2)
    lines = []
    for day in DAYS:
        true = start * np.exp(rate * day)
        width = (6 * true / (np.pi * aspect)) ** (1 / 3)
        # Equal relative errors of L and W make sqrt(1 + 4) times as much of L W^2.
        error = 0.21 * max(true, 83.0) ** 0.84 / true / np.sqrt(5)
        length, width = (max(round(d * (1 + rng.normal(0, min(error, 0.5))), 1), 0.0) for d in (aspect * width, width))
        if true < 4:
            length = width = 0.0
        grams = weight * (1 + 0.002 * day - loss_pct / 100 * np.exp(-(((day - 9) / 6) ** 2))) + rng.normal(0, 0.15)
        event, reason = "", ""
        if length * width**2 / 2 >= ENDPOINT_MM3:
            event, reason = "endpoint", "tumour volume"
        lost = LOSSES.get((arm, mouse))
        if lost and day == lost[0]:
            _, event, reason = lost
        sizes = "," if event == "death" else f"{length:.1f},{width:.1f}"
        grams_text = "" if event == "death" else f"{grams:.1f}"
        reason = f'"{reason}"' if "," in reason else reason
        lines.append(f"example,{arm},{mouse},{day},{sizes},{grams_text},{event},{reason}")
        if event:
            break
    return lines


if __name__ == "__main__":
    main()
