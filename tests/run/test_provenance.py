"""Provenance: a prediction names a committed state, or there is none."""

import subprocess

import pytest

from adccsim.execution import provenance
from adccsim.execution.provenance import StateError, committed_state, state_hash


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A small repository with the folders that are watched, everything committed."""
    for name in ("simulation/model.py", "analysis/sums.py", "plans/a.toml", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "all")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "simulation")
    return tmp_path


def test_a_clean_checkout_names_its_commit(checkout):
    (checkout / "notes.txt").write_text("changed, and nothing rests on it")
    assert committed_state([checkout / "plans/a.toml"]) == git(checkout, "rev-parse", "HEAD")


@pytest.mark.parametrize("changed", ["simulation/model.py", "analysis/sums.py", "plans/a.toml", "analysis/new.py"])
def test_a_change_is_refused_by_name(checkout, changed):
    (checkout / changed).write_text("other")
    with pytest.raises(StateError) as error:
        committed_state([checkout / "plans/a.toml"])
    assert error.value.errors == (f"{changed}: not committed; commit it first",)


def test_a_staged_change_is_not_committed(checkout):
    (checkout / "plans/a.toml").write_text("other")
    git(checkout, "add", ".")
    with pytest.raises(StateError, match=r"plans/a\.toml: not committed"):
        committed_state([checkout / "plans/a.toml"])


def test_a_file_elsewhere_is_refused(checkout, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("mine") / "b.toml"
    elsewhere.write_text("")
    with pytest.raises(StateError, match="not in the checkout"):
        committed_state([elsewhere])


def test_without_a_repository_there_is_no_state(tmp_path, monkeypatch):
    (tmp_path / "simulation").mkdir()
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "simulation")
    with pytest.raises(StateError, match="not a git checkout"):
        committed_state([])


def test_the_hash_follows_overlays_and_model_version(tmp_path, monkeypatch):
    overlay = tmp_path / "o.toml"
    overlay.write_text("a = 1\n")
    bare, laid = state_hash(), state_hash([overlay])
    assert len(bare) == 12
    assert state_hash() == bare != laid
    overlay.write_text("a = 2\n")
    assert state_hash([overlay]) != laid
    monkeypatch.setattr(provenance, "WELL_MODEL", "well-0")
    assert state_hash() != bare
