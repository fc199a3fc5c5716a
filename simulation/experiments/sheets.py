"""A laboratory's own sheets: a plate of wells, or calipers of mice, analysed like a simulated study."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from adccsim.experiments.errors import InputError
from adccsim.runtime import require_address_space

if TYPE_CHECKING:
    from adccsim.analysis.assay.plates.plate import PlateResult
    from adccsim.analysis.growth.study import GrowthResult


def plate(
    file: str | Path, plate_map: str | Path | None = None, readout: str = "LDH", out: str | Path | None = None
) -> "tuple[PlateResult, list[Path]]":
    """(% specific lysis and quality of a plate, its figures). The figures and tables are written below `out`, if any.

    file: a tidy sheet, or the matrix of a 96-well reader, whose wells `plate_map` names. readout: one that measures
    lysis. Raises InputError with one line per error; nothing is written then.
    """
    require_address_space("the analysis of a plate")
    from adccsim.analysis.assay.plates.output import write_plate
    from adccsim.analysis.assay.plates.plate import analyse_plate
    from adccsim.analysis.errors import MissingControls, SheetError

    try:
        result = analyse_plate(Path(file), None if plate_map is None else Path(plate_map), readout)
        return result, write_plate(result, Path(out)) if out is not None else []
    except SheetError as error:
        raise InputError(f"{file}: {line}" for line in error.problems) from error
    except MissingControls as error:
        raise InputError(f"{file}: {line}" for line in str(error).split("; ")) from error
    except OSError as error:
        raise InputError([f"{error.filename or file}: {error.strerror or error}"]) from error


def calipers(sheet: str | Path, out: str | Path, control: str | None = None) -> "GrowthResult":
    """Tumour growth of a caliper sheet (tidy or wide CSV); tables, figures and report are written below `out`.

    control: the control arm; None: the only one called vehicle, control or untreated. Raises InputError with one line
    per error (nothing is written then), OSError.
    """
    sheet, out = Path(sheet), Path(out)
    nearest = next(path for path in (out, *out.absolute().parents) if os.path.exists(path))
    if not nearest.is_dir():
        raise InputError([f"{nearest} is a file, not a directory: results cannot go to {out}"])
    require_address_space(f"the analysis of {sheet}")
    from adccsim.analysis.errors import SheetError
    from adccsim.analysis.growth.study import analyse_growth

    try:
        return analyse_growth(sheet, out, control)
    except SheetError as error:
        raise InputError(f"{sheet}: {line}" for line in error.problems) from error
