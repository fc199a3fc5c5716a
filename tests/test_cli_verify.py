"""`adcc verify`, and what the commands do with damaged or foreign files in a study."""

import json
import os
import resource
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from adccsim.cli import app
from adccsim.execution import mouse_files
from adccsim.execution.folder import prepare, set_aside
from adccsim.scenario.kinds import kind_of
from adccsim.scenario.load import load_scenario
from adccsim.seal import DamagedFile
from adccsim.study_file import StudyFileError, read_study_file
from tests.analysis.make_mice import make_mice
from tests.cluster.sweeps import text
from tests.sealing import flipped

HOSTILE = Path(__file__).parent / "cases" / "hostile"


def adcc(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished and analysed study of seven wells, and its scenario."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "s.toml").write_text(text(replicates=1))
    assert adcc("run", folder / "s.toml", "--out", folder / "out", "--workers", "1").exit_code == 0
    return folder


@pytest.fixture
def study(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "study"))


def flip(path: Path, bit: int = 4000) -> None:
    path.write_bytes(flipped(path.read_bytes(), bit))


def test_a_sound_study_has_no_damage(study):
    result = adcc("verify", study / "out")
    assert result.exit_code == 0 and result.stderr == ""
    rows = {line.split("  ")[0].strip(): line.split()[-4:] for line in result.stdout.splitlines()}
    assert rows["run files"] == ["7", "7", "0", "0"]
    assert rows["study.json"] == rows["summary table"] == rows["text of the last analysis"] == ["1", "1", "0", "0"]


def test_each_damaged_file_is_named_and_made_again(study):
    out = study / "out"
    first, second, *_ = sorted((out / "runs").rglob("*.h5"))
    whole = {path: path.read_bytes() for path in (first, second, out / "study.json")}
    flip(first)
    second.write_bytes(second.read_bytes()[:3000])
    flip(out / "study.json", 8 * 200)
    flip(out / "tables" / "runs.parquet")
    result = adcc("verify", out)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 4 and all(line.startswith(f"error: {out}") and "\n" not in line for line in lines)
    for path, word in ((first, "do not match"), (second, "truncated"), (out / "study.json", "entry sha256")):
        assert any(str(path) in line and word in line for line in lines), path
    assert adcc("verify", first).exit_code == 1
    assert adcc("verify", sorted((out / "runs").rglob("*.h5"))[-1]).exit_code == 0

    result = adcc("run", study / "s.toml", "--out", out, "--workers", "1")
    assert result.exit_code == 0
    assert "5 runs finished before, skipped" in result.stderr and result.stderr.count("set aside as damaged/") == 3
    assert {path: path.read_bytes() for path in whole} == whole
    assert adcc("verify", out).exit_code == 0
    status = adcc("status", out).stdout
    assert "done     7 of 7" in status and "damaged  3 files set aside in damaged/" in status


def test_a_flipped_text_of_the_last_analysis_is_not_shown(study):
    out = study / "out"
    right = adcc("run", study / "s.toml", "--out", out).stdout
    summary = out / "summary.txt"
    before = summary.stat()
    summary.write_text(summary.read_text().replace("2", "3"))
    os.utime(summary, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert adcc("verify", summary).exit_code == 1
    assert adcc("run", study / "s.toml", "--out", out).stdout == right


def test_what_is_no_results_folder_or_file_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    for target, words in ((tmp_path, "no results folder"), (tmp_path / "notes.txt", "not a kind of file"),
                          (tmp_path / "nowhere", "no such file")):  # fmt: skip
        result = adcc("verify", target)
        assert result.exit_code == 2 and words in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["status", "analyse", "verify", "run"])
@pytest.mark.parametrize("case", ["study-tb-60", "study-tb-68", "study-tb-131"])
def test_a_study_file_with_wrong_types_is_one_line(study, case, command):
    shutil.copy(HOSTILE / case / "study.json", study / "out" / "study.json")
    before = (study / "out" / "study.json").read_bytes()
    arguments = ["run", study / "s.toml", "--out"] if command == "run" else [command]
    result = adcc(*arguments, study / "out")
    assert result.exit_code == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and f"{study / 'out' / 'study.json'}: " in errors[0] and "must be" in errors[0]
    assert (study / "out" / "study.json").read_bytes() == before


@pytest.mark.parametrize("case", ["study-tb-60", "study-tb-68", "study-tb-131"])
def test_the_stored_cases_are_of_wrong_types_not_damaged(case):
    with pytest.raises(StudyFileError):
        try:
            read_study_file(HOSTILE / case / "study.json")
        except DamagedFile:
            pytest.fail("damaged")


def test_the_stored_summary_table_is_built_again(study):
    table = study / "out" / "tables" / "runs.parquet"
    right = table.read_bytes()
    shutil.copy(HOSTILE / "runs.parquet", table)
    assert adcc("analyse", study / "out").exit_code == 0
    assert table.read_bytes() == right


# -- checkpoints to branch from -------------------------------------------------------------------------------------


def branch_scenario(folder: Path, checkpoint: Path) -> Path:
    scenario = folder / "branch.toml"
    scenario.write_text(
        'schema = 1\nkind = "xenograft"\nseed = 1\n[tumour]\nstart_volume_mm3 = 130\nfraction_simulated = 0.01\n'
        '[[tumour.clone]]\ncell_line = "NCI-N87"\n[study]\ndays = 2\n'
        f'[branch]\ncheckpoint = "{checkpoint}"\n[[arm]]\nname = "vehicle"\nmice = 1\n'
    )
    return scenario


def with_meta(source: Path, target: Path, change) -> Path:
    """A valid archive with the members of a checkpoint and a changed meta.json."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "meta.json":
                meta = json.loads(content)
                change(meta)
                content = json.dumps(meta).encode()
            new.writestr(name, content)
    return target


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    import h5py

    from tests.run.fake_tumour import FakeEngine, play
    from tests.scenario.mice_example import mice

    folder = tmp_path_factory.mktemp("saved")
    condition = mice({"output.save_days": [1]})[0]
    with h5py.File("grown.h5", "w", driver="core", backing_store=False) as file:
        play(condition, file, checkpoints=folder, make=FakeEngine)
    return next(folder.glob("*.day1.ckpt"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda meta: meta.pop("condition"), "condition"),
        (lambda meta: meta["condition"].pop("model"), "lacks"),
        (lambda meta: meta["condition"].pop("clones"), "missing required field `clones`"),
        (lambda meta: meta["condition"].update(clones=[1]), "clones"),
        (lambda meta: meta["condition"].update(mouse_factors={}), "mouse_factors"),
        (lambda meta: meta.update(tick="1"), "lacks"),
        (lambda meta: meta.update(schema=9), "another layout"),
    ],
)
def test_a_foreign_checkpoint_to_branch_from_is_one_line(saved, tmp_path, change, words):
    scenario = branch_scenario(tmp_path, with_meta(saved, tmp_path / "foreign.ckpt", change))
    for command in (["check", scenario], ["run", scenario, "--out", tmp_path / "out"]):
        result = adcc(*command)
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1 and "branch.checkpoint" in result.stderr and words in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_damaged_checkpoint_to_branch_from_is_one_line(saved, tmp_path):
    damaged = tmp_path / "damaged.ckpt"
    content = saved.read_bytes()
    for broken in (flipped(content, 9000), content[:5000], b"", b"PK\x03\x04"):
        damaged.write_bytes(broken)
        result = adcc("check", branch_scenario(tmp_path, damaged))
        assert result.exit_code == 2 and result.stderr.count("\n") == 1 and "damaged" in result.stderr


def test_a_record_of_a_failure_nested_without_end_is_named(study):
    record = study / "out" / "failed" / "0123456789abcdef.json"
    record.parent.mkdir(exist_ok=True)
    record.write_text("[" * 200_000)
    result = adcc("verify", study / "out")
    assert result.exit_code == 1 and "not a JSON object" in result.stdout + result.stderr
    assert adcc("status", study / "out").exit_code == 0


def test_a_file_name_that_is_not_text_is_kept_in_the_study(tmp_path, made):
    file = tmp_path / os.fsdecode(b"s\xff\n\x1b.toml")
    shutil.copy(made / "s.toml", file)
    for _ in range(2):
        assert adcc("run", file, "--out", tmp_path / "out", "--workers", "1").exit_code == 0
    assert read_study_file(tmp_path / "out" / "study.json")["scenario_file"] == file.name
    assert adcc("verify", tmp_path / "out").exit_code == 0
    refused = adcc("run", file, "--out", file.with_suffix(""), "--workers", "1")
    assert refused.exit_code == 2 and "must be UTF-8 text" in refused.stderr and not file.with_suffix("").exists()


def test_a_damaged_copy_of_a_saved_tumour_is_set_aside_by_one_of_two_shards(saved, tmp_path, monkeypatch):
    """The other one, which found the damage at the same time, comes to a folder from which the file is gone."""
    scenario, out = load_scenario(branch_scenario(tmp_path, saved), []), tmp_path / "out"
    source = kind_of(scenario.kind).saved_tumour(scenario)
    prepare(out)
    assert mouse_files.bring_saved_tumour(source, out) == ""
    (copy,) = (out / "checkpoints").iterdir()
    copy.write_bytes(flipped(saved.read_bytes(), 8 * 200))
    copied = shutil.copyfile

    def copy_while_the_other_moves(source, target):
        assert copy.exists(), "until there is a new one, who reads it finds it"
        set_aside(out, copy)
        copied(source, target)

    monkeypatch.setattr(mouse_files.shutil, "copyfile", copy_while_the_other_moves)
    assert "set aside as damaged/" in mouse_files.bring_saved_tumour(source, out)
    assert copy.read_bytes() == saved.read_bytes()
    assert len(list((out / "damaged").iterdir())) == 1


def test_damaged_mice_are_named_by_the_analysis(tmp_path):
    folder = make_mice(tmp_path / "mice")
    assert adcc("verify", folder).exit_code == 0
    victim = next((folder / "runs").rglob("*.h5"))
    flip(victim, 50_000)
    result = adcc("analyse", folder)
    assert result.exit_code == 1 and f"{victim.name}: damaged" in result.stderr


# -- little address space -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["analyse", "run", "plate", "compare"])
def test_too_little_address_space_is_one_line(study, command):
    """In a process of its own: 600 MB of address space, in which the libraries of an analysis end with a crash."""
    out = study / "out"
    (out / "summary.txt").unlink()
    arguments = {"run": ["s.toml", "--out", "out"], "plate": ["p.csv"], "compare": ["s.toml"]}.get(command, ["out"])
    limit = 600_000 << 10
    answer = subprocess.run(
        [sys.executable, "-m", "adccsim.cli", command, *arguments], cwd=study, text=True, capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)), check=False,
        # Else OpenBLAS takes most of it for the threads of a machine with many cores before the limit is looked at.
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OPENBLAS_NUM_THREADS": "2"},
    )  # fmt: skip
    assert answer.returncode == 2, answer.stderr
    errors = [line for line in answer.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "MiB of address space and the limit is 585 MiB" in errors[0]
    assert "Traceback" not in answer.stderr and "ulimit -v" in errors[0]
    assert len(list((out / "runs").rglob("*.h5"))) == 7
