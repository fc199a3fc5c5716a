"""`adcc new cell-line`, `adcc new antibody`: an overlay of the catalogue to start from, with every number explained."""

from collections.abc import Callable
from pathlib import Path

from adccsim import console
from adccsim.cli.arguments import PATH, TEXT, Commands, argument, command, option
from adccsim.cli.common import error_lines

group = Commands(
    name="new",
    places={"cell-line": "adccsim.cli.new:cell_line", "antibody": "adccsim.cli.new:antibody"},
    no_args_is_help=True,
    help="A catalogue file for your own cell line or antibody, every number explained.",
)
entry_name = argument("name", type=TEXT, metavar="NAME", help="name of the new entry")
out_of_overlay = option("--out", type=PATH, metavar="FILE", help="the file to write; default NAME.toml")


@command("cell-line")
@entry_name
@option("--from", "source", type=TEXT, default="NCI-N87", metavar="ENTRY", help="cell line whose numbers to start from")
@out_of_overlay
def cell_line(name: str, source: str, out: Path | None) -> None:
    """Write an overlay with a new cell line, for wells and mice. Never overwrites."""
    with error_lines():
        from adccsim.parameters import template

        _write(template.cell_line, name, source, out)


@command("antibody")
@entry_name
@option(
    "--from", "source", type=TEXT, default="trastuzumab", metavar="ENTRY", help="antibody whose numbers to start from"
)
@out_of_overlay
def antibody(name: str, source: str, out: Path | None) -> None:
    """Write an overlay with a new antibody, for wells and mice. Never overwrites."""
    with error_lines():
        from adccsim.parameters import template

        _write(template.antibody, name, source, out)


def _write(make: Callable[..., str], name: str, source: str, out: Path | None) -> None:
    from adccsim.parameters import template
    from adccsim.scenario.meanings import meanings

    name = name.removesuffix(".toml")
    text = make(name, source, meanings())
    path = out if out is not None else Path(f"{name}.toml")
    template.write(path, text)
    console.say(
        f'wrote {path}; in a scenario: catalogue = ["{path.name}"], then adcc check lists what is left to state'
    )
