"""What tests do to sealed files: append the seal to one that h5py wrote, and flip single bits."""

from pathlib import Path

from adccsim.seal import seal_file


def append_seal(path: Path) -> Path:
    """Seal a run file that was written by h5py alone, as the driver does before it renames it."""
    ending = seal_file(path)
    with open(path, "ab") as file:
        file.write(ending)
    return path


def flipped(content: bytes, bit: int) -> bytes:
    """The same bytes with one bit changed."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
