"""A recording's speakers while enrolled voices divide and join them, and how they are numbered after it.
Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ingest_worker.domain import Diarization, FloatArray, Turn
from ingest_worker.voice_windows import NOBODY, Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Speakers, and the diarizer's speakers that each is made of."""

    diarization: Diarization
    heard_as: tuple[tuple[int, ...], ...]
    """By speaker: the diarizer's own numbers."""

    @classmethod
    def of(cls, diarization: Diarization) -> "Grouping":
        """As the diarizer grouped them."""
        return cls(diarization, tuple((speaker,) for speaker in range(diarization.speakers)))

    def regrouped(
        self,
        turns: Sequence[Turn],
        vectors: FloatArray,
        speakers: Numbers,
        heard_as: Sequence[tuple[int, ...]],
    ) -> "Grouping":
        """Other speakers, numbered by who speaks first; whoever has no turn left is nobody any more.

        Args:
            turns: In time order.
            vectors: (speakers, dimension); a row may be of any length, or NaN.
            speakers: (windows, slots).
            heard_as: By speaker.
        """
        order = list(dict.fromkeys(turn.speaker for turn in turns))
        number = {speaker: new for new, speaker in enumerate(order)}
        table = np.full(len(vectors) + 1, NOBODY, np.int16)  # the last one stands for NOBODY
        table[order] = range(len(order))
        windows = self.diarization.windows
        diarization = replace(
            self.diarization,
            turns=tuple(Turn(turn.start, turn.end, number[turn.speaker]) for turn in turns),
            vectors=vectors[order],
            windows=replace(windows, speakers=table[speakers]) if windows is not None else None,
        )
        return Grouping(diarization, tuple(tuple(sorted(set(heard_as[speaker]))) for speaker in order))
