"""The SpeakerProfiles of a namespace, as far as they can be read. Each version is read once: every reconcile
of every batch looks at all of them."""

from collections.abc import Iterator
from math import inf

from ingest_contract.batch import BatchSpeakers
from ingest_contract.failures import Reason
from ingest_contract.speaker_profile import SpeakerProfile
from ingest_operator.core.blocker import Blocker
from ingest_operator.core.voices import asks_for
from ingest_operator.kube.api.deletion import is_deleted
from ingest_operator.kube.api.lenient import reading
from ingest_operator.kube.api.resources import Object
from ingest_operator.kube.watch.cache import Cache, Key, version_of


class KnownVoices:
    """Reads SpeakerProfiles from their cache."""

    def __init__(self, speakers: Cache) -> None:
        self._speakers = speakers
        self._read: dict[Key, tuple[int, SpeakerProfile | None]] = {}
        self._here: dict[str, tuple[frozenset[Key], tuple[Key, ...]]] = {}
        """By namespace: its keys, and the same in their order, which changes only with them."""

    def of(self, namespace: str) -> tuple[SpeakerProfile, ...]:
        """Those that are not being deleted, by name."""
        keys = self._keys(namespace)
        found = (self._parsed(key, body) for key in keys if (body := self._speakers.get(key)) is not None)
        return tuple(profile for profile in found if profile is not None)

    def _keys(self, namespace: str) -> tuple[Key, ...]:
        now = frozenset(key for key in self._speakers.known if key[0] == namespace)
        before, ordered = self._here.get(namespace, (frozenset(), ()))
        if now != before:
            for gone in before - now:
                self._read.pop(gone, None)
            ordered = tuple(sorted(now))
            self._here[namespace] = now, ordered
        return ordered

    def unreadable(self, namespace: str, speakers: BatchSpeakers) -> tuple[Blocker, ...]:
        """The blockers of those that this version cannot read and a batch with these `speakers` looks for: it
        would look for fewer people than it says."""
        return tuple(
            Blocker(
                Reason.VOICE_NOT_HEARD.value,
                f"This operator cannot read SpeakerProfile {key[1]!r}: its status says why.",
                inf,
            )
            for key, body in self._unread(namespace)
            if asks_for(speakers, key[1], body["metadata"].get("labels") or {})
        )

    def _unread(self, namespace: str) -> Iterator[tuple[Key, Object]]:
        for key in self._keys(namespace):
            body = self._speakers.get(key)
            if body is not None and not is_deleted(body) and self._parsed(key, body) is None:
                yield key, body

    def _parsed(self, key: Key, body: Object) -> SpeakerProfile | None:
        version = version_of(body)
        known = self._read.get(key)
        if known is None or known[0] != version:
            self._read[key] = known = (version, None if is_deleted(body) else _read(body))
        return known[1]


def _read(body: Object) -> SpeakerProfile | None:
    found = reading(SpeakerProfile, body)
    return found.value if not found.mistakes else reading(SpeakerProfile, {**body, "status": None}).value
