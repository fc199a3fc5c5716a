"""The site: what a cluster wants to know before it starts a job, in a small TOML file of its user.

    partition = "short"            account = "lab12"             workers = 64
    wall_time_h = 4.0              memory_gb = 2.0               workers_per_job = 1
    prologue = ["module load python/3.12", "source ~/adcc/bin/activate"]

It holds no number of a study: the same scenario gives the same files with any site, and with none.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from adccsim.reading import UnreadableError, read_toml
from adccsim.scenario.errors import NO_VALUE, Invalid, ScenarioError, dotted, explain
from adccsim.scenario.validate import did_you_mean

Word = Annotated[str, StringConstraints(pattern=r"^\w[\w.,:@+/=%-]*$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x08\x0a-\x1f\x7f]+$")]
Folder = Annotated[str, StringConstraints(pattern=r"^([^$`\x00-\x1f\x7f]|\$[A-Za-z_]\w*|\$\{[A-Za-z_]\w*\})+$")]


class Site(BaseModel):
    """One cluster as its user sees it. A worker is one process that makes one run at a time."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    partition: Word | None = Field(None, description="partition or queue that jobs go to")
    account: Word | None = Field(None, description="account or project that is charged")
    wall_time_h: float = Field(4.0, ge=0.1, le=720, description="longest time of a job [h]")
    memory_gb: float = Field(2.0, ge=0.5, le=4096, description="memory of one worker [GB]")
    workers: int = Field(16, ge=1, le=10_000, description="most workers at a time")
    workers_per_job: int = Field(1, ge=1, le=1024, description="workers in one job, on one node")
    prologue: tuple[Line, ...] = Field((), description="lines of shell before the work of a job begins")
    directives: tuple[Line, ...] = Field((), description='further requests to the scheduler, like "--qos=low"')
    interface: Word | None = Field(None, description='network interface that nodes reach each other by, like "ib0"')
    cache_dir: Folder | None = Field(
        None, description="directory on each node for compiled kernels; default below /tmp"
    )
    lost_workers: int = Field(
        10, ge=1, le=1000, description="workers that one task may lose before its runs are suspect"
    )

    @property
    def lifetime_s(self) -> float:
        """How long a Dask worker takes new work, in seconds: it leaves in good order before its job is ended."""
        return 3600 * self.wall_time_h - self.margin_s

    @property
    def margin_s(self) -> float:
        """Time between the last new work of a worker and the end of its job, in seconds."""
        return min(600.0, 3600 * self.wall_time_h / 4)


_ALLOWED = {
    "prologue": "must not be empty or hold line breaks",
    "directives": "must not be empty or hold line breaks",
    "cache_dir": "must be one path, in which $NAME and ${NAME} are the only use of $, and without ` or line breaks",
}


def load_site(path: Path) -> Site:
    """Read and check a site file. Raises ScenarioError with every error, each with key path, value, what is allowed."""
    path = Path(path)
    try:
        raw = read_toml(path, "a site file")
    except UnreadableError as error:
        raise ScenarioError([Invalid(str(path), NO_VALUE, str(error))]) from None
    # TOML has one kind of list and no tuple; the model is strict about everything else.
    raw = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    try:
        return Site.model_validate(raw)
    except ValidationError as error:
        errors = [_error(path, item) for item in error.errors(include_url=False)]
    raise ScenarioError(errors)


def _error(path: Path, item: ErrorDetails) -> Invalid:
    key = dotted(item["loc"])
    if item["type"] == "extra_forbidden":
        return Invalid(f"{path.name}: {key}", item["input"], f"unknown key{did_you_mean(key, Site.model_fields)}")
    if item["type"] == "string_pattern_mismatch":
        allowed = _ALLOWED.get(str(item["loc"][0]), "must be one word of letters, digits and . , : @ + / = % - _")
        return Invalid(f"{path.name}: {key}", item["input"], allowed)
    return Invalid(f"{path.name}: {key}", item["input"], explain(item))
