"""How the sentences of `script.txt` are pronounced: the table `phonemes.tsv`, read here and remade here.

The table is in the repository, so that speech is made without espeak-ng, which is GPL. Who changes the script
remakes it:

    python -m testkit.speech.phonemes

That fetches piper-tts, unpacks it into a temporary folder and asks its espeak-ng bridge in a process of its
own. Needs x86-64 Linux.
"""

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from testkit import packages
from testkit.cache import say

SCRIPT = Path(__file__).with_name("script.txt")
TABLE = Path(__file__).with_name("phonemes.tsv")
PIPER = packages.Package(
    "piper-tts",
    "1.8.0",
    "piper_tts-1.8.0-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.manylinux_2_28_x86_64.whl",
    "25b4d3f31ff70c8fa7151908e00aaa5650cbdf16bca8fcf21299f3941b89a7d3",
    34,
)
"""GPL-3.0-or-later, hence a tool that is run and never a dependency: it carries espeak-ng and its
dictionaries."""
ASK_ESPEAK = """\
import sys, espeakbridge
espeakbridge.initialize(sys.argv[1])
espeakbridge.set_voice("en-us")
for sentence in sys.stdin.read().splitlines():
    clauses = espeakbridge.get_phonemes(sentence)
    print("".join(phonemes + end + (" " if end in ",:;" else "") for phonemes, end, _ in clauses))
"""
"""Run by a Python that finds the bridge; clauses are joined as piper joins them
(`piper/phonemize_espeak.py`)."""


class ScriptError(Exception):
    """`script.txt` and `phonemes.tsv` do not fit, or a line cannot be read. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one voice says without being interrupted."""

    voice: str
    text: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """The text, cut after full stops, question marks and exclamation marks."""
        return tuple(re.split(r"(?<=[.?!]) ", self.text))


@dataclass(frozen=True, slots=True)
class Script:
    """All that is spoken."""

    dialogue: tuple[Line, ...]
    """In order."""
    enrolment: Mapping[str, Line]
    """By voice; nothing of it is in the dialogue."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """Every sentence once, in order of appearance."""
        lines = (*self.dialogue, *self.enrolment.values())
        return tuple(dict.fromkeys(sentence for line in lines for sentence in line.sentences))


def parsed(text: str) -> Script:
    """The script from its text: `voice: words`, `enrol voice: words`, `#` for remarks.

    Raises:
        ScriptError: a line is none of these.
    """
    dialogue, enrolment = [], {}
    for number, row in enumerate(text.splitlines(), 1):
        if not row or row.startswith("#"):
            continue
        match = re.fullmatch(r"(enrol )?([a-z]+): (\S.*\S)", row)
        if not match:
            raise ScriptError(
                f"script.txt, line {number}: expected `voice: words` or `enrol voice: words`, found {row!r}"
            )
        line = Line(match[2], match[3])
        if match[1]:
            enrolment[line.voice] = line
        else:
            dialogue.append(line)
    return Script(tuple(dialogue), enrolment)


def table(text: str) -> Mapping[str, str]:
    """Sentence -> IPA as espeak-ng writes it, from the text of `phonemes.tsv`."""
    rows = (row.partition("\t") for row in text.splitlines())
    return {sentence: ipa for sentence, _, ipa in rows}


def pronounced(script: Script, known: Mapping[str, str]) -> Mapping[str, str]:
    """Sentence -> IPA for every sentence of the script.

    Raises:
        ScriptError: one has no entry.
    """
    if missing := [sentence for sentence in script.sentences if sentence not in known]:
        raise ScriptError(
            f"phonemes.tsv lacks {missing[0]!r} and {len(missing) - 1} more. Run `python -m "
            "testkit.speech.phonemes` "
            "and commit it."
        )
    return {sentence: known[sentence] for sentence in script.sentences}


def ask_espeak(sentences: Iterable[str]) -> Mapping[str, str]:
    """Sentence -> IPA by espeak-ng's American English, in a process of its own.

    Raises:
        packages.PackageError: piper-tts cannot be had.
        subprocess.CalledProcessError: the bridge does not run on this machine.
    """
    asked = list(sentences)
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(packages.fetch(PIPER)) as wheel:
            wheel.extractall(folder, [name for name in wheel.namelist() if "espeak" in name])
        command = [sys.executable, "-c", ASK_ESPEAK, f"{folder}/piper/espeak-ng-data"]
        environment = {"PYTHONPATH": f"{folder}/piper", "PYTHONUTF8": "1"}
        run = subprocess.run(
            command, input="\n".join(asked), env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
    return dict(zip(asked, run.stdout.splitlines(), strict=True))


def main() -> int:
    """Remake the table."""
    found = ask_espeak(parsed(SCRIPT.read_text()).sentences)
    TABLE.write_text("".join(f"{sentence}\t{ipa}\n" for sentence, ipa in found.items()))
    say(f"{len(found)} sentences in {TABLE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
