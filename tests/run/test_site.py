"""The site file: every fault at once, with key path, value and what is allowed."""

import pytest

from adccsim.execution.site import Site, load_site
from adccsim.scenario.errors import ScenarioError


def errors(tmp_path, text):
    path = tmp_path / "site.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as error:
        load_site(path)
    return [str(fault) for fault in error.value.errors]


def test_a_site_file(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text('partition = "short"\nwall_time_h = 2\nmemory_gb = 3.5\nprologue = ["module load python"]\n')
    site = load_site(path)
    assert (site.partition, site.wall_time_h, site.memory_gb) == ("short", 2.0, 3.5)
    assert site.prologue == ("module load python",)
    assert load_site_of(tmp_path, "") == Site()


def load_site_of(folder, text):
    path = folder / "other.toml"
    path.write_text(text)
    return load_site(path)


@pytest.mark.parametrize("hours", [0.1, 1, 24, 720])
def test_workers_leave_before_their_job_is_ended(hours):
    site = Site(wall_time_h=hours)
    assert 0 < site.lifetime_s < 3600 * hours
    assert 3600 * hours - site.lifetime_s == pytest.approx(site.margin_s) and site.margin_s >= 90


BAD = {
    'partion = "short"': ["partion", "unknown key", "did you mean partition?"],
    "wall_time_h = 0.01": ["wall_time_h = 0.01", "must be at least 0.1"],
    "wall_time_h = nan": ["wall_time_h"],
    'memory_gb = "2"': ["memory_gb", "must be a number"],
    "workers = 0": ["workers = 0", "must be at least 1"],
    "workers = true": ["workers = true", "must be a whole number"],
    'partition = "a b"': ["partition", "must be one word"],
    'partition = "--wrap=x"': ["partition", "must be one word"],
    'account = "x; rm"': ["account", "must be one word"],
    'account = "x#y"': ["account", "must be one word"],
    'interface = "(ib0)"': ["interface", "must be one word"],
    'cache_dir = "$(touch x)"': ["cache_dir", "$NAME and ${NAME}"],
    'cache_dir = "${TMPDIR:-/tmp}/adcc"': ["cache_dir", "$NAME and ${NAME}"],
    'cache_dir = "/tmp/`id`"': ["cache_dir", "without `"],
    'cache_dir = "/tmp/a\\nrm"': ["cache_dir", "line breaks"],
    'directives = ["a\\u0000b"]': ["directives[0]", "line breaks"],
    'prologue = "module load x"': ["prologue", "must be a list"],
    'prologue = ["a\\nb"]': ["prologue[0]", "line breaks"],
}


@pytest.mark.parametrize("text", BAD)
def test_a_fault_is_told_with_key_value_and_what_is_allowed(tmp_path, text):
    (error,) = errors(tmp_path, text)
    assert error.startswith("site.toml: ")
    assert all(word in error for word in BAD[text]), error


def test_all_faults_are_told_at_once_and_what_is_no_toml(tmp_path):
    assert len(errors(tmp_path, "\n".join(list(BAD)[:1] + list(BAD)[3:5]))) == 3
    assert "not valid TOML" in errors(tmp_path, "workers =")[0]
    with pytest.raises(ScenarioError, match="no such file"):
        load_site(tmp_path / "nowhere.toml")
