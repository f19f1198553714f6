"""The decoder of the pipeline: media into PCM on scratch, once, by a child with limits; a later run on the
same disk reuses it.

The result is all or nothing: the child writes `audio.pcm.part`, which is renamed when its length is right,
and then a small file beside it records which media it came from. Must not import PyAV.
"""

import json
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from typing_extensions import override

from ingest_contract.failures import Reason
from ingest_contract.profile import FetchProfile
from ingest_contract.stages import STAGE_VERSION, Stage
from ingest_worker.audio.limits import SAMPLE_BYTES, limits_for
from ingest_worker.audio.process import run
from ingest_worker.audio.report import checked
from ingest_worker.domain import SAMPLE_RATE, Audio, Media, Sound
from ingest_worker.errors import StageError, unreadable
from ingest_worker.ports import Decoder, Report
from ingest_worker.sandbox.limits import Limits
from ingest_worker.sandbox.process import number


@dataclass(frozen=True, slots=True)
class _Origin:
    """Which media the audio on scratch came from: enough to check that it is still the same file."""

    size: int
    modified_ns: int
    version: int = STAGE_VERSION[Stage.DECODE]


class LimitedDecoder(Decoder):
    """Implements `ports.Decoder`. One per process; it keeps no state between calls."""

    def __init__(self, fetch: FetchProfile, limits: Limits | None = None) -> None:
        """`limits` default to those of the profile's longest recording."""
        self._most_seconds = fetch.max_duration_seconds
        self._limits = limits or limits_for(fetch.max_duration_seconds, SAMPLE_RATE)

    @override
    def decode(self, media: Media, into: Path, report: Report, /) -> Audio:
        """The audio track that a player would choose, and that is not silent, as `into/audio.pcm`.

        Audio that an earlier run decoded from the same media is reused. Media below `into` that are truncated
        are deleted, so that the next run fetches them again.

        Raises:
            StageError: `NO_AUDIO_TRACK`, `UNDECODABLE`, `DRM_PROTECTED`, `TRUNCATED`, `TOO_LONG`,
                `SCRATCH_FULL`, `NOT_FOUND`, `DOWNLOAD_FAILED`, `HOST_OUT_OF_MEMORY`, `INTERRUPTED`.
        """
        into.mkdir(parents=True, exist_ok=True)
        target, part = into / "audio.pcm", into / "audio.pcm.part"
        origin = _origin(media.path)
        if (audio := _decoded_before(target, origin)) is not None:
            report(1.0)
            return audio
        target.with_suffix(".json").unlink(missing_ok=True)
        try:
            samples, sound = checked(self._run(media, part, report), part)
        except StageError as error:
            part.unlink(missing_ok=True)
            if error.reason is Reason.TRUNCATED and media.path.resolve().is_relative_to(into.resolve()):
                media.path.unlink(missing_ok=True)
            raise
        part.replace(target)
        audio = Audio(target, samples, sound)
        _remember(audio, sound, origin)
        report(1.0)
        return audio

    def _run(self, media: Media, part: Path, report: Report) -> object:
        request = {
            "do": "decode",
            "source": str(media.path.resolve()),
            "target": str(part.resolve()),
            "rate": SAMPLE_RATE,
            "most": self._most_seconds * SAMPLE_RATE,
            "expected": media.duration_seconds,
        }
        expected, done = media.duration_seconds, 0.0
        with closing(run(request, self._limits)) as lines:
            for said in lines:
                if "announced" in said:
                    lengths = (expected, number(said["announced"]))
                    expected = max((each for each in lengths if each is not None), default=None)
                elif (samples := number(said.get("samples"))) is not None and expected:
                    done = max(done, min(samples / SAMPLE_RATE / expected, 0.99))
                    report(done)
                elif "done" in said:
                    return said["done"]
        raise StageError(Reason.UNKNOWN, "the decoding process said nothing")


def _origin(path: Path) -> _Origin:
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path.name, error) from error
    return _Origin(status.st_size, status.st_mtime_ns)


def _decoded_before(target: Path, origin: _Origin) -> Audio | None:
    """The audio on scratch that came from this media, if it is complete."""
    try:
        note = json.loads(target.with_suffix(".json").read_text(encoding="utf-8"))
        audio = Audio(target, int(note.pop("samples")), Sound(**note.pop("sound")))
        whole = target.stat().st_size == audio.samples * SAMPLE_BYTES
        return audio if whole and note == asdict(origin) else None
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None


def _remember(audio: Audio, sound: Sound, origin: _Origin) -> None:
    draft = audio.path.with_suffix(".json.part")
    try:
        note = {**asdict(origin), "samples": audio.samples, "sound": asdict(sound)}
        draft.write_text(json.dumps(note), encoding="utf-8")
        draft.replace(audio.path.with_suffix(".json"))
    except OSError as error:
        raise StageError(Reason.SCRATCH_FULL, f"{draft.name}: {error.strerror}") from error
