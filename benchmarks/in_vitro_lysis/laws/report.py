"""The table of the candidate laws, and which of them may replace the plain law."""

import json
from pathlib import Path

import numpy as np

MOST_ABOVE_NATURAL_PCT = 5.0
_PANEL = ("MDA-MB-468", "MCF-7", "T47D")


def excess(row: dict, base: dict) -> tuple[float, float]:
    """W3 RMSE (points) above that of the plain law over the same donors: (mean, standard error of the difference)."""
    difference = np.array(row["w3_rmse_pct"]) - np.array(base["w3_rmse_pct"])
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference)))


def adopted(row: dict, base: dict) -> bool:
    """Whether a law may replace the plain one."""
    noise = 2.0 * float(np.std(base["w3_rmse_pct"], ddof=1))
    return excess(row, base)[0] <= noise and float(np.mean(row["MDA-MB-468"])) <= MOST_ABOVE_NATURAL_PCT


def write(out: Path, results: list[dict], contacts: list[dict], quick: bool, date: str) -> None:
    """Write activation_laws.json and activation_laws.md into a folder."""
    base = results[0]
    for row in results:
        row["w3_rmse_excess_pct"], row["w3_rmse_excess_se"] = excess(row, base)
        row["may_replace"] = bool(not row["lever"] and row is not base and adopted(row, base))
        row["own"] = None if row["own"] != row["own"] else row["own"]  # JSON has no NaN
    record = {"date": date, "quick": quick, "contacts": contacts, "results": results}
    (out / "activation_laws.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (out / "activation_laws.md").write_text(
        "\n".join([*_lines(results, base, quick, date), *_contact_lines(contacts)]) + "\n", encoding="utf-8"
    )


def _lines(results: list[dict], base: dict, quick: bool, date: str) -> list[str]:
    heads = ["law", "own", "half", "slope", "hits /h", "loss", "W3 RMSE", "EC50 ng/mL", "Emax %", "Hill", *_PANEL]
    lines = [
        "# Laws of activation at few bridges",
        "",
        f"`python benchmarks/in_vitro_lysis/laws/fit.py`, {date}" + (" (quick: not meaningful)" if quick else ""),
        "",
        "Refitted to W3 and W2 at each value of the parameter specific to the law (`own`). Mean and SD over four",
        "other sets of 32 donors; in parentheses the difference from the plain law and its standard error. The last",
        "columns are points above natural killing at 1 ug/mL. Laws: `laws/candidates.py`; loss, rule: `laws/fit.py`.",
        "With the catalogue of that day; limitations: `laws/README.md`.",
        "",
        "| " + " | ".join([*heads, "may replace"]) + " |",
        "|" + "---|" * (len(heads) + 1),
    ]
    lines += [_row(row["law"], row) for row in results if not row["lever"]]
    lines += ["", "Alternatives to another law (refitted unless only MDA-MB-468 differs):", ""]
    lines += ["| " + " | ".join(["alternative", *heads[1:], ""]) + " |", "|" + "---|" * (len(heads) + 1)]
    lines += [_row(row["lever"], row) for row in results if row["lever"]]
    return lines


def _contact_lines(contacts: list[dict]) -> list[str]:
    heads = ["kon /nM/h", "line", "ug/mL", "bound per cell", "in the contact", "bridges", "held by both arms"]
    lines = [
        "",
        "Contents of one contact at 0, 2 and 4 h (all antibodies counted, donor VF, 20 nL per target, mean CD16a):",
        "",
    ]
    lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in contacts:
        cells = [f"{row['kon_per_nM_h']:g}", row["line"], f"{row['dose_ug_per_ml']:g}"]
        for name, digits in (("bound", ",.0f"), ("inside", ".0f"), ("bridges", ".1f"), ("two_armed", ".2f")):
            cells.append(", ".join(format(value, digits) for value in row[name]))
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _row(name: str, row: dict) -> str:
    free = row["free"]
    rmse = _both(row["w3_rmse_pct"], 2)
    if row["own"] is not None or row["lever"]:
        rmse += f" ({row['w3_rmse_excess_pct']:+.2f} +- {row['w3_rmse_excess_se']:.2f})"
    cells = [
        name,
        "" if row["own"] is None else f"{row['own']:.3g}",
        f"{free['half']:.0f}",
        f"{free['slope']:.2f}",
        f"{free['hits']:.2f}",
        _both(row["loss"], 2),
        rmse,
        _both(row["ec50_ng_per_ml"], 2),
        _both(row["emax_pct"], 1),
        _both(row["hill"], 2),
        *(_both(row[line], 1) for line in _PANEL),
        "yes" if row["may_replace"] else "" if row["lever"] or row["own"] is None else "no",
    ]
    return "| " + " | ".join(cells) + " |"


def _both(values: list[float], digits: int) -> str:
    return f"{np.mean(values):.{digits}f} +- {np.std(values, ddof=1):.{digits}f}"
