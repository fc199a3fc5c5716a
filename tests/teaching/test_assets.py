"""The page's files: which are wanted, what is missing, and one line for a user who cannot have them."""

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from adccsim.teaching import assets

REPOSITORY = Path(__file__).parents[2]
WANTED = {"page-app@1.2.3": {"dist/app.min.js": 5, "dist/main.css": 3}, "loader@2.3.6": {"require.js": 4}}


@pytest.fixture
def filled(tmp_path, monkeypatch):
    """A folder with complete files of two small packages that stand for Solara's."""
    monkeypatch.setattr(assets, "wanted", lambda: sorted(WANTED))
    for package, files in WANTED.items():
        for name, size in files.items():
            path = tmp_path / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * size)
    (tmp_path / assets.INDEX).write_text(json.dumps(WANTED), encoding="utf-8")
    return tmp_path


def npm_that_packs(folder: Path, monkeypatch, names: list[str]) -> None:
    """Put an npm on the path that answers `npm pack` with an archive of these files."""
    source = folder / "package"
    for name in names:
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    with tarfile.open(folder / "packed.tgz", "w:gz") as tar:
        tar.add(source, "package")
    npm = folder / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\necho "$@" >> "{folder}/asked"\ncp "{folder}/packed.tgz" ./it.tgz\n', encoding="utf-8")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent), prepend=":")


def test_the_versions_are_those_that_the_installed_solara_names():
    pytest.importorskip("solara")
    template = Path(sys.modules["solara"].__file__).parent / "server" / "templates" / "solara.html.j2"
    named = template.read_text(encoding="utf-8")
    found = assets.wanted()
    assert any(package.startswith("requirejs@") for package in found)
    assert any(package.startswith("@widgetti/solara-vuetify-app@") for package in found)
    assert not any("vuetify3" in package for package in found)
    assert all(package in named or package.startswith("font-awesome@") for package in found)


def test_a_complete_folder_lacks_nothing_and_is_left_alone(filled, monkeypatch):
    monkeypatch.setenv("PATH", "")  # no npm needed
    assert assets.missing(filled) == []
    assert assets.refusal(filled) == ""
    assert assets.prepare(filled) == [f"the page's files are complete in {filled}"]


@pytest.mark.parametrize("harm", ["gone", "short", "no index", "half an index"])
def test_every_harm_is_noticed(filled, harm):
    victim = filled / "page-app@1.2.3" / "dist" / "app.min.js"
    if harm == "gone":
        victim.unlink()
    elif harm == "short":
        victim.write_bytes(b"x")
    elif harm == "no index":
        (filled / assets.INDEX).unlink()
    else:
        (filled / assets.INDEX).write_text('{"loader@2.3.6": {"require.js"', encoding="utf-8")
    assert assets.missing(filled)
    refusal = assets.refusal(filled)
    assert assets.PREPARE in refusal
    assert "\n" not in refusal


def test_prepare_takes_what_a_browser_reads_and_makes_good_what_was_harmed(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "wanted", lambda: ["page-app@1.2.3"])
    served = ["dist/app.min.js", "dist/main.css", "fonts/a.woff2"]
    left = ["dist/app.js", "dist/app.min.js.map", "src/app.min.js", "README.md"]
    npm_that_packs(tmp_path, monkeypatch, served + left)
    folder = tmp_path / "cache"
    assets.prepare(folder)
    held = {str(path.relative_to(folder / "page-app@1.2.3")) for path in (folder / "page-app@1.2.3").rglob("*.*")}
    assert held == set(served)
    assert assets.missing(folder) == []
    assert (tmp_path / "asked").read_text(encoding="utf-8").startswith("pack page-app@1.2.3 ")
    (folder / "page-app@1.2.3" / "dist" / "main.css").write_text("", encoding="utf-8")
    assert assets.missing(folder) == ["page-app@1.2.3/dist/main.css"]
    assets.prepare(folder)
    assert assets.missing(folder) == []
    assert not list(folder.glob(".*"))  # no half packages stay


def test_a_package_without_any_such_file_is_an_error(tmp_path, monkeypatch):
    npm_that_packs(tmp_path, monkeypatch, ["README.md"])
    with pytest.raises(assets.AssetsError, match="none of the files"):
        assets.fetch("page-app@1.2.3", tmp_path / "cache", re.compile(r"^dist/"))


def test_without_npm_or_without_its_packages_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "wanted", lambda: ["page-app@1.2.3"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(assets.AssetsError, match="npm was not found"):
        assets.prepare(tmp_path / "cache")
    failing = tmp_path / "npm"
    failing.write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    failing.chmod(0o755)
    with pytest.raises(assets.AssetsError, match=r"exit code 7.*network"):
        assets.prepare(tmp_path / "cache")
    assert assets.missing(tmp_path / "cache") == ["page-app@1.2.3"]


def test_the_server_is_given_one_source_and_no_telemetry(tmp_path):
    settings = assets.settings(tmp_path)
    assert settings["SOLARA_ASSETS_PROXY_CACHE_DIR"] == str(tmp_path)
    assert settings["SOLARA_TELEMETRY_MIXPANEL_ENABLE"] == "False"
    assert settings["SOLARA_ASSETS_CDN"].startswith("http://127.0.0.1:")


def test_the_folder_is_the_one_named_or_in_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SOLARA_ASSETS_PROXY_CACHE_DIR", str(tmp_path / "mine"))
    assert assets.cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("SOLARA_ASSETS_PROXY_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert assets.cache_folder() == tmp_path / "adccsim" / "page"


def test_adcc_teach_without_its_files_is_one_line_and_exit_code_2(tmp_path):
    answer = subprocess.run(
        [sys.executable, "-m", "adccsim.cli", "teach", "--no-browser"],
        cwd=REPOSITORY,
        env={"PATH": "", "HOME": str(tmp_path), "SOLARA_ASSETS_PROXY_CACHE_DIR": str(tmp_path / "nothing")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert len(answer.stderr.strip().splitlines()) == 1
    assert assets.PREPARE in answer.stderr
    assert not (tmp_path / "nothing").exists()
