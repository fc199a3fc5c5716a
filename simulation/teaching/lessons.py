"""Lessons: six guided screens, each with a question, a prepared well, things to try and an explanation with sources.

The words and scenarios lie in lesson_files/, one TOML file per lesson. Its [scenario] is what `adcc run` takes; a try
changes some of those keys. What a try claims to move, and from where, stands next to it and is tested on the engine.
Nothing here loads the engine, Mesa or Solara.
"""

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from adccsim.teaching import keys

START = "start"


@dataclass(frozen=True)
class Claim:
    """What a try moves: one of its show's observables, "up" or "down", from "start" or from another try's label."""

    observable: str
    moves: str
    start_from: str


@dataclass(frozen=True)
class Try:
    """One thing to try: the button's label, a sentence, the dotted scenario keys it sets, and its claim."""

    label: str
    text: str
    change: Mapping[str, Any]
    claim: Claim


@dataclass(frozen=True)
class Lesson:
    """One screen. scenario: as parsed from a scenario file. explanation: paragraphs. sources: one line each."""

    number: int
    key: str
    title: str
    question: str
    setting: str
    tries: tuple[Try, ...]
    explanation: tuple[str, ...]
    sources: tuple[str, ...]
    scenario: Mapping[str, Any] = field(repr=False)

    def scenario_of(self, label: str = START) -> dict[str, Any]:
        """The scenario at the start, or as changed by the try of this label (KeyError if there is none); a copy."""
        raw = copy.deepcopy(dict(self.scenario))
        if label != START:
            change = {one.label: one.change for one in self.tries}[label]
            for key, value in change.items():
                keys.put(raw, key, copy.deepcopy(value))
        return raw


@cache
def lessons() -> tuple[Lesson, ...]:
    """All lessons, in order."""
    folder = resources.files("adccsim.teaching") / "lesson_files"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return tuple(_lesson(n, tomllib.loads(file.read_text(encoding="utf-8"))) for n, file in enumerate(files, 1))


def _lesson(number: int, raw: dict) -> Lesson:
    return Lesson(
        number=number,
        key=raw["key"],
        title=raw["title"],
        question=raw["question"],
        setting=raw["setting"].strip(),
        tries=tuple(_try(one) for one in raw["try"]),
        explanation=tuple(raw["explanation"]),
        sources=tuple(raw["sources"]),
        scenario=raw["scenario"],
    )


def _try(raw: dict) -> Try:
    claim = raw["claim"]
    return Try(raw["label"], raw["text"], raw["change"], Claim(claim["observable"], claim["moves"], claim["from"]))
