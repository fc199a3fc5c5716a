"""Templates: a complete overlay for a new cell line or antibody, to be filled with the user's own numbers.

Written  every field of the kind with its meaning, unit and bounds, and the number of the entry that it starts from,
         marked assumed and with the source "as ENTRY; ...": so that `adcc check` lists it until the user states a
         source (lookup.py). A cell line comes with its tumour in mice, an antibody with its kinetics in plasma.
Limits   the text is an overlay that holds the numbers of the entry, for every shipped entry
                                                                            (tests/catalogue/test_template.py)
"""

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from adccsim.parameters.fields import (
    CHOICES,
    DEFAULT,
    IN_MICE,
    SECTIONS,
    CatalogueError,
    did_you_mean,
    key_path,
    largest_of,
    may_be_zero,
    shown,
)
from adccsim.parameters.lookup import Catalogue, Entry, Number, load
from adccsim.parameters.overlay import IDENTITY
from adccsim.toml_text import toml_key, toml_value

TYPICAL = {"cell_lines": "NCI-N87", "antibodies": "trastuzumab"}  # the entry to start from; both are known in mice
LONGEST_NAME = 80
OF_ALL = "all lines alike"  # whose the numbers of a tumour are where the line was never grown in mice

Meanings = Mapping[str, Mapping[str, str]]  # kind -> field -> what it is

# What a number is where no key of a scenario says so.
_MEANINGS: Meanings = {
    "tumours": {
        "capillary_radius_um": "radius of a capillary",
        "void_fraction": "fraction of the tissue that is open to IgG",
        "hypoxic_below": "oxygen, over that of a vessel, below which a cell counts as hypoxic",
        "crowding_relaxation_per_h": "fraction of the cells beyond the nominal density that flows off per hour",
        "cohesion_gain": "how much faster the surroundings close in than the rim of a shrinking tumour falls back",
        "opsonised_from": "occupancy from which a cell counts as opsonised (read-out only)",
        "her2_cut_1_per_cell": "HER2 above which a cell stains 1+ (read-out only)",
        "her2_cut_2_per_cell": "HER2 above which a cell stains 2+ (read-out only)",
        "her2_cut_3_per_cell": "HER2 above which a cell stains 3+ (read-out only)",
        "grows": "1: forms tumours in mice; 0: grows poorly or not at all",
    },
    "drugs": {
        "clearance_ml_per_d_kg": "clearance from plasma",
        "central_volume_ml_per_kg": "volume of the plasma compartment",
        "peripheral_volume_ml_per_kg": "volume of the peripheral compartment",
        "distribution_ml_per_d_kg": "exchange between plasma and the peripheral compartment",
        "absorption_ip_per_d": "absorption after an intraperitoneal dose",
        "bioavailability_ip": "fraction of an intraperitoneal dose that reaches plasma",
        "absorption_sc_per_d": "absorption after a subcutaneous dose",
        "bioavailability_sc": "fraction of a subcutaneous dose that reaches plasma",
        "tissue_kon_per_nM_h": "association with HER2 in the tumour, per IgG",
        "signalling_synergy": "fraction of the remaining births that this antibody and one on the other epitope block",
        "routes": "routes of dosing, of iv ip sc",
    },
}


def cell_line(name: str, source: str = TYPICAL["cell_lines"], meanings: Meanings | None = None) -> str:
    """TOML of an overlay with the cell line `name`, in the well and in mice, with the numbers of the entry `source`.

    meanings: what fields are, beyond those told here. Raises CatalogueError for a name that cannot be one or is taken,
    and for an unknown source.
    """
    known = load()
    _check("cell line", name, source, known.cell_lines, known.tumours)
    said = _joined(meanings or {})
    grown = known.tumours.get(source)
    tumour, whose = (grown, source) if grown else (known.defaults["tumours"], OF_ALL)
    head = _head("cell line", name, source, f"cell_line = {toml_value(name)}")
    if grown is None:
        head.append(f"# {source} is not known in mice: its tumour below has the numbers that {OF_ALL} have.")
    own = [key for key in tumour.numbers if key in known.cell_lines[source].numbers]
    also = [
        "",
        "# Where the mouse needs another value than the well, a field of the line may stand here too.",
        "# Delete such a number to use that of the well. May be stated:",
        *_names(key for key in known.cell_lines[source].numbers if key not in own),
    ]
    in_mice = Entry(tumour.name, {k: n for k, n in tumour.numbers.items() if k not in own}, tumour.strings)
    for key in own:
        also += ["", *_field(key, tumour.numbers[key], whose, said["cell_lines"])]
    return "\n".join(
        [
            *head,
            *_section("cell_lines", name, known.cell_lines[source], source, known, said),
            *_section("tumours", name, in_mice, whose, known, said),
            *also,
            "",
        ]
    )


def antibody(name: str, source: str = TYPICAL["antibodies"], meanings: Meanings | None = None) -> str:
    """TOML of an overlay with the antibody `name` and its kinetics in plasma, with the numbers of the entry `source`.

    meanings and errors as in cell_line.
    """
    known = load()
    _check("antibody", name, source, known.antibodies, known.drugs)
    said = _joined(meanings or {})
    whose = source if source in known.drugs else TYPICAL["antibodies"]
    head = _head(
        "antibody", name, source, f"[antibody] name = {toml_value(name)} or [[arm.dose]] drug = {toml_value(name)}"
    )
    for kind, entry, where in (
        ("antibodies", known.antibodies[source], f"in the well (from {source})"),
        ("drugs", known.drugs[whose], f"in mice (from {whose})"),
    ):
        head += [f"# Missing {where}:", *_names(_ordered(kind, entry, known))]
    return "\n".join(
        [
            *head,
            *_section("antibodies", name, known.antibodies[source], source, known, said),
            *_section("drugs", name, known.drugs[whose], whose, known, said),
            "",
            "# An antibody that costs body weight also states weight_loss_per_mg_kg and weight_nadir_d.",
            "",
        ]
    )


def write(path: Path, text: str) -> None:
    """Write a new file. Raises CatalogueError where there is one already or the path cannot be written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise CatalogueError([f"{key_path(str(path))}: exists already and is left as it is"]) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        why = getattr(error, "strerror", None) or error
        raise CatalogueError([f"{key_path(str(path))}: cannot be written ({why})"]) from None


def _check(what: str, name: str, source: str, entries: Mapping[str, Entry], in_mice: Mapping[str, Entry]) -> None:
    where = key_path(name)
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        allowed = f"1 to {LONGEST_NAME} characters that can be shown, without spaces around them"
        raise CatalogueError([f"{where}: no name of a new {what}; {allowed}"])
    if name == DEFAULT or "/" in name or "\\" in name:
        why = "is what all entries share" if name == DEFAULT else "a name holds no slash"
        raise CatalogueError([f"{where}: no name of a new {what}; {why}"])
    if name in entries or name in in_mice:
        raise CatalogueError([f"{where}: is in the catalogue already; choose another name"])
    if source not in entries:
        hint = did_you_mean(source, entries) or f"; known: {', '.join(entries)}"
        raise CatalogueError([f"--from = {shown(source)}: no such {what} in the catalogue{hint}"])


def _joined(meanings: Meanings) -> dict[str, dict[str, str]]:
    return {kind: {**_MEANINGS.get(kind, {}), **meanings.get(kind, {})} for kind in {*_MEANINGS, *meanings}}


def _head(what: str, name: str, source: str, use: str) -> list[str]:
    return [
        f'# A new {what}, {name}: an overlay of the catalogue. In a scenario: catalogue = ["this file"], {use}.',
        "#",
        f"# Every number starts as that of {source}. Where you know better, write value, low and high, your source,",
        "# and provenance: found (read or measured) | derived (computed) | calibrated (fitted) | assumed.",
        '# As long as a source reads "as ...", `adcc check` lists the number as taken from another entry.',
        "# `adcc list` shows where the numbers of shipped entries come from.",
    ]


def _section(kind: str, name: str, entry: Entry, whose: str, known: Catalogue, meanings: Meanings) -> list[str]:
    """The lines of one entry, or of its section of what holds in mice. whose: the entry whose numbers these are."""
    said = meanings.get(kind, {})
    of = {other: first for first, other in SECTIONS.items()}.get(kind)
    if of is None:
        lines = ["", f"[{kind}.{toml_key(name)}]"]
        lines.append(f"description = {toml_value(f'{name}: numbers of {whose} until they are replaced')}")
    else:
        lines = ["", "# The same in mice.", f"[{of}.{toml_key(name)}.{IN_MICE}]"]
    texts = {key: item for key, item in entry.strings.items() if key not in ("description", "class", "antibody")}
    for key, item in texts.items():
        choices = [toml_value(choice) for choice in CHOICES.get((kind, key), ())]
        lines += ["", _comment(key, said, ", ".join(choices) or "text"), f"{key} = {toml_value(item)}"]
    for key in _ordered(kind, entry, known):
        lines += ["", *_field(key, entry.numbers[key], whose, said)]
    return lines


def _field(key: str, number: Number, whose: str, said: Mapping[str, str]) -> list[str]:
    return [_comment(key, said, _allowed(key, number), number.note), f"{key} = {_number(number, whose)}"]


def _ordered(kind: str, entry: Entry, known: Catalogue) -> list[str]:
    """Fields of the entry: first those without a shared number, and those that make an entry what it is."""
    shared = known.defaults[kind].numbers
    first = [key for key in entry.numbers if key not in shared or key in IDENTITY.get(kind, ())]
    return [*first, *(key for key in entry.numbers if key not in first)]


def _comment(key: str, said: Mapping[str, str], allowed: str, note: str = "") -> str:
    meaning = said.get(key, "").partition(" [")[0] or note or key
    return f"# {meaning}. Allowed: {allowed}"


def _allowed(key: str, number: Number) -> str:
    least = "0" if may_be_zero(key, number.unit) else "above 0"
    unit = "" if number.unit == "1" else f" {number.unit}"
    return f"{least} to {largest_of(key, number.unit):g}{unit}"


def _number(number: Number, whose: str) -> str:
    items = {
        "value": number.value,
        "low": number.low,
        "high": number.high,
        "unit": number.unit,
        "provenance": "assumed",
        "source": f"as {whose}; replace by your own",
    }
    return "{ " + ", ".join(f"{key} = {toml_value(item)}" for key, item in items.items()) + " }"


def _names(names: Iterable[str]) -> list[str]:
    """Comment lines with these names, separated by commas."""
    return [f"#   {line}" for line in textwrap.wrap(", ".join(names), 110, break_on_hyphens=False)]
