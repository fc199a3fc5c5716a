"""The house: who may import whom, what an import costs, and what no file may say."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

REPOSITORY = Path(__file__).parents[1]


def test_import_contracts_hold(capsys, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    code = lint_imports(config_filename=str(REPOSITORY / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


def test_biology_imports_numpy_numba_and_itself_only():
    allowed = {"numpy", "numba", "math", "statistics", "collections"}
    for path in (REPOSITORY / "simulation" / "biology").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                inside = name.startswith("adccsim.biology")
                assert inside or name.partition(".")[0] in allowed, f"{path.name} imports {name}"


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("adccsim", {"numba", "mesa", "numpy", "pydantic"}),
        ("adccsim.cli", {"numba", "mesa", "numpy", "h5py", "pandas", "matplotlib", "pydantic", "rich"}),
        ("adccsim.scenario.load", {"numpy", "h5py", "pandas", "adccsim.scenario.xenograft.schema"}),
        ("adccsim.scenario.conditions", {"numpy", "h5py", "pandas", "adccsim.scenario.xenograft.schema"}),
        ("adccsim.experiments.errors", {"numpy", "h5py", "pandas", "pydantic"}),
        ("adccsim.experiments.study", {"mesa", "solara", "pandas", "matplotlib", "click", "rich"}),
        ("adccsim.analysis", {"numpy", "h5py", "pandas", "matplotlib"}),
        ("adccsim.analysis.reading.summary_rows", {"pandas", "matplotlib"}),
        ("adccsim.execution.one", {"mesa", "solara", "matplotlib", "pydantic"}),
        ("adccsim.execution.task", {"numpy", "numba", "h5py", "pydantic", "distributed"}),
        ("adccsim.execution.study", {"mesa", "solara"}),
        ("adccsim.teaching", {"numba", "mesa", "solara", "numpy"}),
        ("adccsim.teaching.lessons", {"numba", "mesa", "solara", "numpy"}),
        ("adccsim.teaching.model", {"numba", "solara"}),
    ],
)
def test_an_import_loads_only_what_it_needs(module, unwanted):
    program = f"import sys, {module}; print(*sorted({unwanted!r} & sys.modules.keys()))"
    answer = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ""
    assert answer.stderr == ""


def test_adcc_list_waits_for_no_library_that_it_does_not_need():
    unwanted = {"numpy", "h5py", "pandas", "matplotlib", "pydantic", "msgspec", "rich", "adccsim.conditions"}
    program = f"""
import sys
from adccsim.cli import app
app(["list"], standalone_mode=False)
print(*sorted({unwanted!r} & sys.modules.keys()))
"""
    answer = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("cell-lines: ") and answer.stdout.splitlines()[-1] == ""


def test_experiments_neither_print_nor_end_the_process():
    for path in (REPOSITORY / "simulation" / "experiments").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not names & {"print", "exit", "quit", "input", "SystemExit"}, path.name
        assert not imported & {"sys", "logging"}, path.name


def tracked_texts():
    """(name, text) of every file under version control, or of the source folders where there is no git."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listing.returncode == 0 and listing.stdout:
        names = listing.stdout.rstrip("\0").split("\0")
    else:
        rooms = ("simulation", "analysis", "scenarios", "tests", "benchmarks", "docs")
        found = [path for room in rooms for path in (REPOSITORY / room).rglob("*")] + list(REPOSITORY.glob("*.*"))
        names = [str(path.relative_to(REPOSITORY)) for path in found if "__pycache__" not in path.parts]
    for name in names:
        path = REPOSITORY / name
        if path.is_file():
            data = path.read_bytes()
            if b"\0" not in data[:8192]:
                yield name, data.decode("utf-8")


# Put together from pieces, so that this file does not say what it forbids.
FORBIDDEN = {
    "a package index or its options": r"|".join(
        [
            "py" + r"pi\.org",
            "python" + r"hosted\.",
            "index" + r"[-_]url",
            "find" + "-links",
            r"https?://\S+/" + r"simple\b",
        ]
    ),
    "an absolute path of a machine": r"(?<![\w.])/("
    + "|".join(["work", "root", "home", "Users", "mnt", "opt"])
    + r")/\w",
}


def test_no_file_names_a_package_index_or_a_machine():
    errors = [
        f"{name}: {found.group()!r} names {what}"
        for name, text in tracked_texts()
        for what, pattern in FORBIDDEN.items()
        for found in [re.search(pattern, text)]
        if found
    ]
    assert not errors, "\n".join(errors)


def test_the_searches_find_what_they_look_for():
    index, machine = FORBIDDEN.values()
    for line in ("--extra-index" + "-url x", "https://mirror.example/" + "simple", "from files.python" + "hosted.org"):
        assert re.search(index, line)
    for line in ("open('/" + "home/ann/data')", "cd /" + "work/main", "see /" + "Users/bob"):
        assert re.search(machine, line)
    for line in ("a framework/main", "home/ann", "https://example.org/work/main", "./work/x"):
        assert not re.search(machine, line)


def test_constraints_pin_every_dependency():
    """Each name that pyproject.toml asks for has one exact version in constraints.txt, and it satisfies the bounds."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    assert all(re.fullmatch(r"[0-9][0-9a-zA-Z.]*", version) for version in pins.values())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = list(project["project"]["dependencies"]) + project["build-system"]["requires"]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    for line in wanted:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), line


def test_version_is_said_once_in_each_place():
    from adccsim.version import __version__

    assert f"version: {__version__}\n" in (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
