"""Seeded mutations of inputs: of bytes, of TOML and JSON trees, of sheets, and of command lines.

Every function takes a random.Random and returns a new object; the same seed gives the same mutant on every machine.
"""

import copy
import json
import math
import random
from collections.abc import Callable

HOSTILE = (
    0, 1, -1, 2, 0.0, -0.0, 1e-320, 1e308, -1e308, 10**30, 2**63, math.inf, -math.inf, math.nan, True, False, "", " ",
    "0", "-1", "1e400", "nan", "inf", "5,5", "1.234,5", "0x5", "1_000", "NaN%", "none", "null", "true",
    "\u0661\u0662", "\U0001f600", "e\u0301", "\u202etxt", "\x1b[31mred", "=1+1", "@x", "a" * 5000, "../../x", "/",
    "~", "/dev/null", "/dev/zero", "x" * 300 + ".csv", "SK-BR-3 ", "sk-br-3", "Trastuzumab", "CON", "a\nb", "a\tb",
    "'", '"', [], {}, [[]], [{}], {"": 0}, [0, "a"], [1, 1], [-1, 0, 1], [1e-9] * 3, {"value": 1},
    {"a": {"b": {"c": []}}},
)  # fmt: skip
CELLS = (
    "", " ", "0", "-1", "1e308", "-1e308", "1e400", "1e-320", "nan", "inf", "-inf", "NA", "#N/A", "#DIV/0!", "1,5",
    "1.5", "1.234", "1,234", "1.234.567", "1 234", "12e", "--3", "+5", "5%", "<50", ">4.0", "OVRFLW", "0x10", "1_0",
    "\u0661", "\u2212" "5", "½", "5:1", "1:0", "0:0", "1/5", "25:1:0", "2026-01-05", "A1", "H12", "I13", "death",
    "removed", "=1+1", "'5", '"', "a" * 2000, "\x1b]0;x\x07", "\u202e", "e\u0301", "\U0001f600", "\x00", "vehicle",
    "Vehicle", "VEHICLE ", "drug", "maximum", "blank", "sample",
)  # fmt: skip
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "latin-1", "cp437")

# -- bytes --------------------------------------------------------------------------------------------------------


def flip_bits(chance: random.Random, data: bytes, bits: int = 1) -> bytes:
    """`bits` different bits of the data turned over."""
    changed = bytearray(data)
    for place in chance.sample(range(8 * len(data)), min(bits, 8 * len(data))):
        changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def cut(chance: random.Random, data: bytes) -> bytes:
    """The beginning of the data, shorter by at least one byte."""
    return data[: chance.randrange(len(data))] if data else data


def splice(chance: random.Random, data: bytes) -> bytes:
    """A piece of the data left out, repeated or moved."""
    if len(data) < 3:
        return data * 2
    first, last = sorted(chance.sample(range(len(data) + 1), 2))
    piece, rest = data[first:last], data[:first] + data[last:]
    where = chance.randrange(len(rest) + 1)
    return chance.choice([rest, data[:last] + piece + data[last:], rest[:where] + piece + rest[where:]])


def noise(chance: random.Random, data: bytes) -> bytes:
    """Random bytes put in somewhere."""
    where = chance.randrange(len(data) + 1)
    return data[:where] + chance.randbytes(chance.choice([1, 2, 16, 400])) + data[where:]


def recode(chance: random.Random, data: bytes) -> bytes:
    """The text in another encoding, with other line ends, or with characters that a text file rarely holds."""
    text = data.decode("utf-8", errors="replace")
    change = chance.choice([
        lambda: text.encode(chance.choice(ENCODINGS), errors="replace"),
        lambda: text.replace("\n", chance.choice(["\r\n", "\r", "\n\n", "\u2028", "\x0b"])).encode(),
        lambda: text.replace(" ", chance.choice(["\u00a0", "\t", "\u200b", ""])).encode(),
        lambda: text.upper().encode(),
        lambda: b"", lambda: b"\n", lambda: b"\x00" * 64, lambda: b"\xff\xfe",
        lambda: ("x" * 300_000).encode(),
    ])  # fmt: skip
    return change()


BYTES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    flip_bits, lambda chance, data: flip_bits(chance, data, 8), cut, splice, noise, recode,
)  # fmt: skip


def bytes_of(chance: random.Random, data: bytes) -> bytes:
    """One random mutation of bytes."""
    return chance.choice(BYTES)(chance, data)


# -- trees of TOML and JSON ---------------------------------------------------------------------------------------


def places(tree: object, where: tuple = ()) -> list[tuple]:
    """The path of every value below a tree of dictionaries and lists; without the tree itself."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found = []
    for key, value in items:
        found += [(*where, key), *places(value, (*where, key))]
    return found


def holder(tree: object, where: tuple) -> object:
    """The dictionary or list that holds the value at a path."""
    for key in where[:-1]:
        tree = tree[key]
    return tree


def mutate_tree(chance: random.Random, tree: dict, times: int = 1) -> dict:
    """A tree with `times` random changes: values replaced or of another type, keys renamed, removed, added, moved."""
    changed = copy.deepcopy(tree)
    for _ in range(times):
        found = places(changed)
        if not found:
            break
        where = chance.choice(found)
        _CHANGES[chance.randrange(len(_CHANGES))](chance, changed, where)
    return changed


def _hostile(chance: random.Random, tree: dict, where: tuple) -> None:
    holder(tree, where)[where[-1]] = copy.deepcopy(chance.choice(HOSTILE))


def _other_type(chance: random.Random, tree: dict, where: tuple) -> None:
    parent = holder(tree, where)
    value = parent[where[-1]]
    parent[where[-1]] = chance.choice(
        [[value], {"value": value}, str(value), [value, value], {"a": value}, bool(value)]
    )


def _scaled(chance: random.Random, tree: dict, where: tuple) -> None:
    parent = holder(tree, where)
    value = parent[where[-1]]
    if isinstance(value, int | float) and not isinstance(value, bool):
        parent[where[-1]] = value * chance.choice([-1, 0, 1000, 1e-3, 1e12, 0.5])
    else:
        _hostile(chance, tree, where)


def _mild(chance: random.Random, tree: dict, where: tuple) -> None:
    """A number that stays plausible: what is accepted goes further into the program."""
    numbers = [p for p in places(tree) if isinstance(holder(tree, p)[p[-1]], int | float)]
    place = chance.choice(numbers or [where])
    parent = holder(tree, place)
    value = parent[place[-1]]
    if isinstance(value, bool):
        parent[place[-1]] = not value
    elif isinstance(value, int):
        parent[place[-1]] = max(0, value + chance.choice([-1, 1, 2]))
    elif isinstance(value, float):
        parent[place[-1]] = value * chance.choice([0.25, 0.8, 1.3, 4.0])


def _renamed(chance: random.Random, tree: dict, where: tuple) -> None:
    parent, key = holder(tree, where), where[-1]
    if not isinstance(parent, dict):
        return _hostile(chance, tree, where)
    value = parent.pop(key)
    other = [str(key).upper(), f"{key} ", f"{key}s", str(key)[::-1], "", "__class__", "a.b", f"{key}\n", "\x1b[1m", "é"]
    parent[chance.choice(other)] = value


def _removed(chance: random.Random, tree: dict, where: tuple) -> None:
    parent = holder(tree, where)
    del parent[where[-1]]


def _added(chance: random.Random, tree: dict, where: tuple) -> None:
    parent, value = holder(tree, where), copy.deepcopy(chance.choice(HOSTILE))
    if isinstance(parent, dict):
        parent[chance.choice(["extra", "seed", "name", "level", "kind", "dose", "sweep", "value"])] = value
    else:
        parent.insert(chance.randrange(len(parent) + 1), value)


def _moved(chance: random.Random, tree: dict, where: tuple) -> None:
    value = copy.deepcopy(holder(tree, where)[where[-1]])
    target = chance.choice(places(tree))
    holder(tree, target)[target[-1]] = value


_CHANGES = (_mild, _mild, _mild, _hostile, _hostile, _other_type, _scaled, _scaled, _renamed, _removed, _added, _moved)

# -- how a tree is written ----------------------------------------------------------------------------------------


def toml_text(tree: dict) -> str:
    """The tree as TOML; what TOML cannot say (None) is written as a word, which then is the mutation."""
    return "".join(_toml_table(tree, ()))


def _toml_table(table: dict, where: tuple[str, ...]) -> list[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"{toml_key(key)} = {toml_value(value)}\n" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            path = (*where, str(key))
            lines += [f"[{'.'.join(map(toml_key, path))}]\n", *_toml_table(value, path)]
    return lines


def toml_key(key: object) -> str:
    """A key, in quotes where TOML asks for them."""
    bare = str(key) and all(c.isascii() and (c.isalnum() or c in "_-") for c in str(key))
    return str(key) if bare else toml_string(str(key))


def toml_string(text: str) -> str:
    """A basic string of TOML."""
    return '"' + "".join(_escaped(c) for c in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return f"\\u{ord(character):04x}" if ord(character) < 0x20 or ord(character) == 0x7F else character


def toml_value(value: object) -> str:
    """A value of TOML, inline."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if math.isnan(value):
            return "nan"
        case float() if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        case int() | float():
            return repr(value)
        case dict():
            return "{" + ", ".join(f"{toml_key(k)} = {toml_value(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(toml_value, value)) + "]"
        case None:
            return "none"
        case _:
            return toml_string(str(value))


def toml(chance: random.Random, tree: dict) -> bytes:
    """A mutated TOML file: two in three change the tree, the others its text."""
    if chance.random() < 0.67:
        return toml_text(mutate_tree(chance, tree, chance.choice([1, 1, 1, 2, 5]))).encode("utf-8", "surrogatepass")
    return bytes_of(chance, toml_text(tree).encode())


def json_bytes(chance: random.Random, tree: dict) -> bytes:
    """A mutated JSON file: two in three change the tree, the others its text."""
    if chance.random() < 0.67:
        return json.dumps(mutate_tree(chance, tree, chance.choice([1, 1, 2, 5])), indent=1).encode()
    return bytes_of(chance, json.dumps(tree, indent=1).encode())


# -- sheets -------------------------------------------------------------------------------------------------------


def sheet(chance: random.Random, data: bytes) -> bytes:
    """A mutated comma-separated sheet: two in three change cells, rows and columns, the others its text."""
    if chance.random() < 0.33:
        return bytes_of(chance, data)
    rows = [line.split(",") for line in data.decode().splitlines()]
    for _ in range(chance.choice([1, 1, 2, 6])):
        chance.choice(_SHEETS)(chance, rows)
    separator = chance.choice([",", ",", ",", ";", "\t", "|", " "])
    return "\n".join(separator.join(cells) for cells in rows).encode("utf-8", "surrogatepass")


def _cell(chance: random.Random, rows: list[list[str]]) -> None:
    row = chance.choice(rows)
    if row:
        row[chance.randrange(len(row))] = chance.choice(CELLS)


def _column(chance: random.Random, rows: list[list[str]]) -> None:
    place, value = chance.randrange(max(1, len(rows[0]))), chance.choice(CELLS)
    for row in rows[1:]:
        if place < len(row):
            row[place] = value


def _drop_column(chance: random.Random, rows: list[list[str]]) -> None:
    place = chance.randrange(max(1, len(rows[0])))
    for row in rows:
        del row[place : place + 1]


def _double_column(chance: random.Random, rows: list[list[str]]) -> None:
    place = chance.randrange(max(1, len(rows[0])))
    for row in rows:
        row.extend(row[place : place + 1])


def _drop_row(chance: random.Random, rows: list[list[str]]) -> None:
    if len(rows) > 1:
        del rows[chance.randrange(len(rows))]


def _double_row(chance: random.Random, rows: list[list[str]]) -> None:
    rows.insert(chance.randrange(len(rows) + 1), list(chance.choice(rows)))


def _shuffle(chance: random.Random, rows: list[list[str]]) -> None:
    chance.shuffle(rows)


def _header(chance: random.Random, rows: list[list[str]]) -> None:
    if rows[0]:
        place = chance.randrange(len(rows[0]))
        name = rows[0][place]
        rows[0][place] = chance.choice(
            [name.upper(), f" {name} ", f"{name} (mm3)", f"{name}s", "", "value", "day", *CELLS[:4]]
        )


def _ragged(chance: random.Random, rows: list[list[str]]) -> None:
    row = chance.choice(rows)
    row += [chance.choice(CELLS) for _ in range(chance.choice([1, 3, 40]))]


def _blank(chance: random.Random, rows: list[list[str]]) -> None:
    rows.insert(chance.randrange(len(rows) + 1), [""] * chance.choice([0, 1, len(rows[0])]))


_SHEETS = (
    _cell, _cell, _cell, _column, _drop_column, _double_column, _drop_row, _double_row, _shuffle, _header, _header,
    _ragged, _blank,
)  # fmt: skip
