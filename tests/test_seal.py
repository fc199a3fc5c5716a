"""Seals: every changed bit is found, and nothing else is refused."""

import hashlib
import io
import json
import subprocess

import numpy as np
import pytest

from adccsim.seal import (
    SIZE,
    DamagedFile,
    check_entries,
    checked,
    digest_file,
    matches_digest,
    seal,
    seal_file,
    seal_tail,
    sealed_entries,
    stated_digest,
    write_digest,
)
from adccsim.study_file import StudyFileError, read_study_file
from tests.sealing import append_seal, flipped


def digest_of(content: bytes, front: int = 0) -> str | None:
    handle = io.BytesIO(content)
    return checked(handle, handle.read(front))


@pytest.mark.parametrize("length", [0, 1, SIZE, 1000, (1 << 20) + 5, (2 << 20) - SIZE])
@pytest.mark.parametrize("front", [0, 64, 1 << 20])
def test_a_sealed_file_gives_its_digest_however_it_is_read(tmp_path, length, front):
    content = np.random.default_rng(length).bytes(length)
    path = tmp_path / "file"
    path.write_bytes(content)
    assert seal(content) == seal_file(path)
    assert digest_of(content, front) is None and stated_digest(path) is None
    append_seal(path)
    digest = hashlib.sha256(content).hexdigest()
    assert digest_of(path.read_bytes(), front) == stated_digest(path) == digest


def test_every_flipped_bit_and_every_cut_is_found():
    content = b"numbers of a well" + bytes(40)
    whole = content + seal(content)
    digest = digest_of(whole)
    missing = 0
    for bit in range(8 * len(whole)):
        try:
            assert digest_of(flipped(whole, bit)) is None  # a flip in the mark: no seal, where one is required
            missing += 1
        except DamagedFile:
            continue
    assert digest is not None and 0 < missing <= 8 * (SIZE - 64)
    assert all(digest_of(whole[:length]) is None for length in range(len(whole)))


def test_a_seal_may_take_the_place_that_was_kept_for_it(tmp_path):
    path = tmp_path / "file"
    with open(path, "w+b") as file:
        file.write(b"content" + bytes(SIZE))
        seal_tail(file)
    assert path.read_bytes() == b"content" + seal(b"content")


def test_every_flipped_bit_of_a_study_file_is_found_or_changes_nothing(tmp_path):
    record = {"schema": 2, "title": "µ", "run_ids": ["ab12"], "varied": {"a.b": [0.1]}}
    path = tmp_path / "study.json"
    text = json.dumps(sealed_entries(record), indent=1, ensure_ascii=False).encode()
    path.write_bytes(text)
    right = read_study_file(path)
    refused = 0
    for bit in range(8 * len(text)):
        path.write_bytes(flipped(text, bit))
        try:
            assert read_study_file(path) == right  # another kind of white space
        except DamagedFile:
            refused += 1
    assert refused > 0.9 * 8 * len(text)


def test_entries_without_a_digest_are_accepted_where_none_is_required():
    check_entries({"a": 1}, required=False)
    with pytest.raises(DamagedFile, match="sha256 is missing"):
        check_entries({"a": 1}, required=True)
    check_entries(json.loads(json.dumps(sealed_entries({"a": (1, 2), "b": 0.1}))), required=True)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"run_ids": "ab"}, 'run_ids: must be a list of run ids, not "ab"'),
        ({"run_ids": ["ab", 0]}, r"run_ids\[1\]: must be a run id, not 0"),
        ({"run_ids": ["../ab"]}, r"run_ids\[0\]: must be a run id"),
        ({"overlays": {"a.toml": 3}}, r"overlays\[a.toml\]: must be text, not 3"),
        ({"conditions": [{"plate": "p"}]}, r"conditions\[0\]: must be a table with run_id"),
        ({"conditions": [{"run_id": "a", "donor": "1"}]}, r"conditions\[0\]"),
        ({"versions": [1]}, r"versions: must be text by name, not \[1\]"),
        ({"kind": "plate"}, 'kind: must be "well" or "xenograft"'),
        ({"varied": {"a": 1}}, r"varied\[a\]: must be a list"),
        ({"schema": 3}, "schema 3: this program reads 2"),
    ],
)
def test_entries_of_a_wrong_type_are_named(tmp_path, entries, words):
    path = tmp_path / "study.json"
    path.write_text(json.dumps(sealed_entries(entries)))
    with pytest.raises(StudyFileError, match=words):
        read_study_file(path)


def test_a_study_file_without_end_is_not_read(tmp_path):
    (tmp_path / "study.json").symlink_to("/dev/zero")
    with pytest.raises(StudyFileError, match="not a regular file"):
        read_study_file(tmp_path / "study.json")


def test_a_digest_next_to_a_file_is_that_of_sha256sum(tmp_path):
    path = tmp_path / "table.parquet"
    path.write_bytes(b"rows")
    assert not matches_digest(path)
    write_digest(path)
    assert matches_digest(path)
    assert digest_file(path).read_text() == f"{hashlib.sha256(b'rows').hexdigest()}  table.parquet\n"
    answer = subprocess.run(["sha256sum", "-c", digest_file(path).name], cwd=tmp_path, capture_output=True, check=False)
    assert answer.returncode == 0
    path.write_bytes(b"row5")
    assert not matches_digest(path)
    assert [each.name for each in tmp_path.glob(".*")] == []
