"""What the numbers of the catalogue mean, as the schema of scenarios says it: the keys that may replace them."""

from adccsim.scenario.kinds import KINDS, kind_of

# kind of entry -> kind of scenario, and the tables whose keys are its fields
_TABLES = {
    "cell_lines": ("well", ("Targets",)),
    "effectors": ("well", ("Effectors",)),
    "antibodies": ("well", ("Antibody",)),
    "tumours": ("xenograft", ("Clone", "Tumour")),
    "mice": ("xenograft", ("Mouse",)),
}


def meanings() -> dict[str, dict[str, str]]:
    """Kind of entry -> field -> what it is, with its unit in brackets; for the fields that a scenario may set."""
    tables = {kind: kind_of(kind).json_schema()["$defs"] for kind in KINDS}
    return {
        entry: {
            key: info.get("description", "") for name in names for key, info in tables[kind][name]["properties"].items()
        }
        for entry, (kind, names) in _TABLES.items()
    }
