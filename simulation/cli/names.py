"""`adcc list`, `adcc init`, `adcc schema`: what is known, a file to start from, and what a file may say."""

import json
import sys

import click

from adccsim import console
from adccsim.cli.arguments import TEXT, argument, command, option
from adccsim.cli.common import BAD_INPUT, error_lines


@command("list")
@argument("kind", type=TEXT, required=False, metavar="[KIND]", help="cell-lines, effectors, antibodies, ...")
@option("--name", type=TEXT, help="everything about this one entry")
def list_(kind: str | None, name: str | None) -> None:
    """Show the catalogue: every number with range, unit, provenance and source; or the shipped scenarios."""
    with error_lines():
        from adccsim.parameters import lookup
        from adccsim.scenario.shipped import shipped, titles

        if kind == "scenarios":
            console.table(("name", "title"), titles().items(), wide=("title",))
            return
        catalogue = lookup.load()
        kinds = {kind_.replace("_", "-"): catalogue.kind(kind_) for kind_ in lookup.KINDS}
        if kind is None:
            for each, entries in kinds.items():
                console.say(f"{each}: {', '.join(entries)}")
            console.say(f"scenarios: {', '.join(shipped())}")
            return
        if kind not in kinds:
            raise _unknown(kind, [*kinds, "scenarios"], "no such kind")
        entries = kinds[kind]
        if name is None:
            console.catalogue_kind(kind, entries, catalogue.defaults[kind.replace("-", "_")])
            return
        if name not in entries:
            raise _unknown(name, list(entries), f"no such entry of {kind}")
        console.catalogue_entry(kind, entries[name])


def _unknown(word: str, known: list[str], why: str) -> Exception:
    """The error of a word that is not known, with the nearest one that is."""
    from adccsim.scenario.errors import NO_VALUE, Invalid, ScenarioError, nearest

    close = nearest(word, known)
    hint = f"did you mean {close}?" if close else f"one of {', '.join(known)}"
    return ScenarioError([Invalid(word, NO_VALUE, f"{why}; {hint}")])


@command("init")
@argument("name", type=TEXT, metavar="NAME", help="shipped scenario to copy, or the name of a new one")
@option(
    "--from", "source", type=TEXT, default="adcc_protocol", metavar="SCENARIO", help="shipped scenario to start from"
)
def init(name: str, source: str) -> None:
    """Write a commented scenario file, NAME.toml, to start from. Never overwrites."""
    with error_lines():
        from adccsim.scenario.shipped import write_copy

        path = write_copy(name, source)
        console.say(f"wrote {path}; next: adcc check {path}, then adcc run {path}")


@command("schema")
@argument("kind", type=TEXT, required=False, default="well", metavar="[KIND]", help="well or xenograft")
def schema(kind: str) -> None:
    """Print the JSON schema of scenario files, for editors that complete and check TOML."""
    from adccsim.scenario.kinds import KINDS, kind_of

    if kind not in KINDS:
        console.errors([f"{kind}: no such kind; one of {', '.join(KINDS)}"])
        raise click.exceptions.Exit(BAD_INPUT)
    json.dump(kind_of(kind).json_schema(), sys.stdout, indent=2)
    console.say()
