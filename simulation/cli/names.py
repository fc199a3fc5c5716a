"""`adcc list`, `adcc init`, `adcc schema`: what is known, a file to start from, and what a file may say."""

import json
import sys
from typing import Annotated

import typer

from simulation import console
from simulation.cli.common import BAD_INPUT, app, plain_faults


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="cell-lines, effectors, antibodies, ...")] = None,
    name: Annotated[str | None, typer.Option(help="everything about this one entry")] = None,
) -> None:
    """Show the catalogue: every number with range, unit, provenance and source; or the shipped scenarios."""
    with plain_faults():
        from simulation.catalogue import lookup
        from simulation.scenario.faults import NO_VALUE, Fault, ScenarioError, nearest
        from simulation.scenario.shipped import titles

        catalogue = lookup.load()
        kinds = {kind_.replace("_", "-"): catalogue.kind(kind_) for kind_ in lookup.KINDS}
        if kind is None:
            for each, entries in kinds.items():
                console.say(f"{each}: {', '.join(entries)}")
            console.say(f"scenarios: {', '.join(titles())}")
            return
        if kind == "scenarios":
            console.table(("name", "title"), titles().items(), wide=("title",))
            return
        if kind not in kinds:
            close = nearest(kind, [*kinds, "scenarios"])
            hint = f"did you mean {close}?" if close else f"one of {', '.join([*kinds, 'scenarios'])}"
            raise ScenarioError([Fault(kind, NO_VALUE, f"no such kind; {hint}")])
        entries = kinds[kind]
        if name is None:
            console.catalogue_kind(kind, entries, catalogue.defaults[kind.replace("-", "_")])
            return
        if name not in entries:
            close = nearest(name, entries)
            hint = f"did you mean {close}?" if close else f"one of {', '.join(entries)}"
            raise ScenarioError([Fault(name, NO_VALUE, f"no such entry of {kind}; {hint}")])
        console.catalogue_entry(kind, entries[name])


@app.command()
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="shipped scenario to copy, or the name of a new one")],
    source: Annotated[
        str, typer.Option("--from", metavar="SCENARIO", help="shipped scenario to start from")
    ] = "adcc_protocol",
) -> None:
    """Write a commented scenario file, NAME.toml, to start from. Never overwrites."""
    with plain_faults():
        from simulation.scenario.shipped import write_copy

        path = write_copy(name, source)
        console.say(f"wrote {path}; next: adcc check {path}, then adcc run {path}")


@app.command()
def schema(kind: Annotated[str, typer.Argument(metavar="[KIND]", help="well or xenograft")] = "well") -> None:
    """Print the JSON schema of scenario files, for editors that complete and check TOML."""
    from simulation.scenario.well.schema import json_schema
    from simulation.scenario.xenograft.schema import xenograft_json_schema

    makers = {"well": json_schema, "xenograft": xenograft_json_schema}
    if kind not in makers:
        console.faults([f"{kind}: no such kind; one of {', '.join(makers)}"])
        raise typer.Exit(BAD_INPUT)
    json.dump(makers[kind](), sys.stdout, indent=2)
    console.say()
