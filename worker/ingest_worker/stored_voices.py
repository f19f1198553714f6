"""The voices that a run looks for, from the store. It hears none itself: enrolments do (`enrolment`)."""

from ingest_contract.order import IngestOrder
from ingest_worker.domain import EnrolledVoice
from ingest_worker.store.connect import connect
from ingest_worker.store.enrolment import voices


class StoredVoices:
    """`ports.Enrolment` by one read of the store."""

    def __init__(self, dsn: str, order: IngestOrder, model: str) -> None:
        """Nothing is read before `voices`. `model` is what vectors are kept under: `hashes.voice_hash`."""
        self._dsn, self._order, self._model = dsn, order, model

    def voices(self) -> tuple[EnrolledVoice, ...]:
        """Every voice, one row for each of its recordings that counts."""
        namespace = self._order.batch.partition("/")[0]
        with connect(self._dsn, application="identify") as connection:
            return voices(connection, namespace, self._model, self._order.settings.voices)
