"""Tables and the figure of a plate, as files in a results folder."""

from pathlib import Path

from adccsim.analysis.assay.plates.plate import PlateResult
from adccsim.analysis.tables import write_table


def write_plate(result: PlateResult, out_dir: Path) -> list[Path]:
    """Write out_dir/tables/plate_*.csv and, where wells are named, figures/plate.png and .svg; returns the figures."""
    (out_dir / "tables").mkdir(parents=True, exist_ok=True)
    for name, table in (("wells", result.wells), ("lysis", result.lysis), ("quality", result.quality)):
        write_table(
            table, out_dir / "tables" / f"plate_{name}.csv", ("ci95_low", "ci95_high") if name == "quality" else ()
        )
    write_table(result.fits, out_dir / "tables" / "plate_dose_response.csv")
    from adccsim.analysis.assay.plates.picture import plate_figure  # matplotlib takes a second to load
    from adccsim.analysis.figures import save

    figure = plate_figure(result)
    if figure is None:
        return []
    (out_dir / "figures").mkdir(exist_ok=True)
    return save(figure, out_dir / "figures" / "plate")
