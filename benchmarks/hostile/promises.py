"""Write the figures of benchmarks/results/hostile.json into docs/promises.md: python -m benchmarks.hostile.promises"""

import json
import re
from collections.abc import Iterable

from benchmarks.hostile.faults import ROOT

RESULT, PAGE = ROOT / "benchmarks" / "results" / "hostile.json", ROOT / "docs" / "promises.md"
GROUPS = {
    "inputs": "mutated inputs", "damage": "damaged files", "sheets": "respelled sheets", "page": "attacks on the page",
    "scenarios": "respelled scenarios", "kills": "kills",
}  # fmt: skip
OUTCOMES = {
    "accepted": "accepted",
    "refused_cleanly": "refused",
    "right": "right",
    "named": "named",
    "cautioned": "cautioned",
}
BAD_ENDS = ("tracebacks", "hangs", "crashes", "refused_without_a_line")
HEAD = (
    "| class | tried | came out as | tracebacks, hangs, crashes, no line | runs lost, files damaged | let through "
    "| silent wrong numbers, of how many possible |\n| --- | ---: | --- | ---: | ---: | ---: | ---: |"
)


def figures(document: dict) -> str:
    """The table of all groups, and what a second run brought back, in Markdown."""
    machine = document["machine"]
    lines = [
        f"{machine['system']}, {machine['cpu_model'].partition(',')[0]}, Python {machine['python']}, "
        f"seed {document['seed']}:",
        "",
        HEAD,
    ]
    classes = document["classes"].values()
    for group, title in GROUPS.items():
        own = [each for each in classes if each["group"] == group]
        if own:
            lines.append(
                _row(title, own, ", ".join(f"{_sum(own, k):,} {w}" for k, w in OUTCOMES.items() if _sum(own, k)))
            )
    lines += [_row("all", classes, ""), ""]
    whole = document["total"]
    healed = f"{whole['healed']} of {whole['could_heal']}"
    lines.append(f"Damaged studies that were run again: {healed} came back to the reference.")
    return "\n".join(lines)


def _row(title: str, classes: Iterable[dict], outcomes: str) -> str:
    possible = _sum(classes, "could_show_wrong")
    wrong = f"{_sum(classes, 'silent_wrong_numbers')} of {possible:,}" if possible else "no right value known"
    ends = sum(_sum(classes, name) for name in BAD_ENDS)
    lost = _sum(classes, "runs_lost") + _sum(classes, "files_damaged")
    cells = (title, f"{_sum(classes, 'tried'):,}", outcomes, ends, lost, _sum(classes, "let_through"), wrong)
    return f"| {' | '.join(map(str, cells))} |"


def _sum(classes: Iterable[dict], name: str) -> int:
    return sum(each[name] for each in classes)


def seeded(document: dict) -> str:
    """The table of the seeded faults, in Markdown."""
    lines = ["| seeded fault | counted by |", "| --- | --- |"]
    for fault in document.get("seeded_faults", []):
        seen = [
            f"{name}: {', '.join(f'{n} {kind}' for kind, n in each.items())}"
            for name, each in fault.get("seen_by", {}).items()
        ]
        lines.append(f"| {fault['fault']} | {'; '.join(seen).replace('_', ' ') or 'NOT COUNTED'} |")
    return "\n".join(lines)


def main() -> None:
    """Put both tables between their marks."""
    document = json.loads(RESULT.read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    for mark, table in (("figures", figures(document)), ("faults", seeded(document))):
        pattern = rf"(<!-- {mark} -->\n).*?(<!-- end of {mark} -->)"
        text = re.sub(pattern, lambda found, table=table: f"{found[1]}\n{table}\n\n{found[2]}", text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
