"""Words to the right person in recordings of three to six people, with nobody enrolled, and with all of them
enrolled: judged by speaker, as the diarizer grouped them, and by window.

Each row is one recording of `testkit.speech.panels`. Kept row by row, and what the models heard is kept
beside: run it again to go on, and with `--again` to judge again without hearing again.

    python -m bench.panels [--again] [ROW ...]
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from bench.heard import diarization, transcript, voice
from bench.rows import Figures, rows_main
from ingest_contract.profile import IdentificationProfile
from ingest_worker.attribution import attribute
from ingest_worker.domain import Diarization, EnrolledVoice, FloatArray, Identified, SpokenWord, Transcript
from ingest_worker.identification.identify import identify
from testkit.speech import audio, panels
from testkit.speech.accuracy import right_person
from testkit.speech.dialogue import Turn

PROFILE: Final = IdentificationProfile()


def measured(name: str) -> Figures:
    """Shares of words: by speaker under the best naming, and by the name that is shown."""
    sound, turns = panels.spoken(name)
    people = panels.PANELS[name]
    heard, said = diarization(sound), transcript(sound)
    voices = [EnrolledVoice(person.name, _voice(person)[None]) for person in people]
    nobody = identify(heard, [], PROFILE)
    by_speaker = identify(replace(heard, windows=None), voices, PROFILE)
    by_window = identify(heard, voices, PROFILE)
    return {
        "seconds": round(sound.size / audio.RATE),
        "people": len(people),
        "speakers": {"nobody": heard.speakers, "by window": by_window.of(heard).speakers},
        "right": {
            "nobody": _right(nobody, heard, said, turns),
            "by speaker": _right(by_speaker, heard, said, turns),
            "by window": _right(by_window, heard, said, turns),
        },
        "named right": {
            "by speaker": _named(by_speaker, heard, said, turns),
            "by window": _named(by_window, heard, said, turns),
        },
        "heard as": {
            each.name or f"unknown {each.speaker}": list(each.evidence.heard_as)
            for each in by_window.identities
            if each.evidence is not None
        },
    }


def _voice(person: panels.Person) -> FloatArray:
    vector = voice(panels.enrolment(person))
    assert vector is not None
    return vector


def _words(found: Identified, heard: Diarization, said: Transcript) -> tuple[SpokenWord, ...]:
    return attribute(said.words, found.of(heard))


def _right(found: Identified, heard: Diarization, said: Transcript, turns: Sequence[Turn]) -> float:
    return round(right_person(turns, _words(found, heard, said)), 4)


def _named(found: Identified, heard: Diarization, said: Transcript, turns: Sequence[Turn]) -> float:
    """Share of words, among those that lie in exactly one reference turn, that are shown with its person's
    name."""
    names = {identity.speaker: identity.name for identity in found.identities}
    right = total = 0
    for word in _words(found, heard, said):
        middle = (word.word.start + word.word.end) / 2
        present = {turn.speaker for turn in turns if turn.start <= middle <= turn.end}
        if len(present) == 1:
            total += 1
            right += word.speaker is not None and names[word.speaker] in present
    return round(right / max(1, total), 4)


def table(rows: dict[str, Figures]) -> str:
    """A line for each recording."""
    head = "| recording | people | speakers found | nobody enrolled | enrolled, by speaker | by window | "
    lines = [
        head + "speakers then | shown with the right name: by speaker | by window |",
        "|---" * 9 + "|",
    ]
    for name, row in rows.items():
        right, named, speakers = row["right"], row["named right"], row["speakers"]
        lines.append(
            f"| {name}, {row['seconds']} s | {row['people']} | {speakers['nobody']} | {right['nobody']:.3f} "
            "| "
            f"{right['by speaker']:.3f} | {right['by window']:.3f} | {speakers['by window']} | "
            f"{named['by speaker']:.3f} | {named['by window']:.3f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(rows_main("panels", __doc__, {name: partial(measured, name) for name in panels.PANELS}, table))
