"""Schema: the exported JSON schema says what the models accept."""

import json

from adccsim.parameters import lookup
from adccsim.scenario.well.schema import TABLES, Scenario, all_keys, json_schema, sweepable


def test_the_json_schema_covers_every_key():
    schema = json_schema()
    json.dumps(schema, allow_nan=False)
    tables = {"targets", "effectors", "antibody", "well", "assay", "action", "culture", "output", "sweep", "schema"}
    assert tables <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"schema", "kind", "targets", "effectors", "antibody", "assay"}
    for table, model in TABLES.items():
        definition = schema["$defs"][model.__name__]
        assert set(definition["properties"]) == set(model.model_fields), table
        assert definition["additionalProperties"] is False
        assert all("description" in item for item in definition["properties"].values())
    assert set(schema["properties"]["sweep"]["properties"]) == set(sweepable())


def test_references_of_swept_keys_lead_to_their_definitions():
    schema = json_schema()
    for key, item in schema["properties"]["sweep"]["properties"].items():
        node = schema
        for part in item["items"]["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        assert node["description"], key


def test_names_of_the_catalogue_are_examples_not_limits():
    cell_line = json_schema()["$defs"]["Targets"]["properties"]["cell_line"]
    assert cell_line["examples"] == sorted(lookup.load().cell_lines)
    assert "enum" not in cell_line


def test_no_key_may_be_null():
    assert '"null"' not in json.dumps(json_schema())


def test_dimensional_catalogue_keys_carry_their_unit():
    units = {"1/h": "_per_h", "h": "_h", "um/min": "_um_per_min", "min": "_min", "nM": "_nM", "kDa": "_kda"}
    for key, model in sweepable().items():
        info = model.model_fields[key.partition(".")[2]]
        unit = (info.json_schema_extra or {}).get("unit")
        if unit in units:
            assert key.endswith((units[unit], "_hit_per_h", "_v158_nM")), key


def test_keys_are_listed_once():
    keys = all_keys()
    assert len(keys) == len(set(keys))
    assert {"schema", "sweep", "targets.cells", "action.at_h"} <= set(keys)
    assert len(Scenario.model_fields) == 19
