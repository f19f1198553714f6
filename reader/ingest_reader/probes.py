"""Whether a store lets this reader answer, for probes. Whoever reaches the port may ask without a token, so
the question takes nothing that searches need, and its answer says a reason and no name."""

import asyncio
import logging
from typing import Final

from anyio import CapacityLimiter, to_thread

from ingest_contract.failures import Reason
from ingest_reader.corpus import Corpus
from ingest_worker.errors import StageError

NOT_READY: Final = "This reader is not ready; its log says why."

_log = logging.getLogger(__name__)


class Readiness:
    """Asks a corpus whether its store answers, once for all who ask meanwhile, in a thread of its own."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._thread = CapacityLimiter(1)
        self._asking: asyncio.Task[Reason | None] | None = None
        self._said: str | None = None

    async def fault(self) -> StageError | None:
        """What is wrong, without what the store said; None if nothing is. Says in the log what is wrong when
        it begins, and when it has ended."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._asked())
        reason = await asyncio.shield(self._asking)  # who leaves ends it for nobody else
        return None if reason is None else StageError(reason, NOT_READY)

    async def _asked(self) -> Reason | None:
        try:
            await to_thread.run_sync(self._corpus.check, limiter=self._thread, abandon_on_cancel=True)
        except StageError as error:
            self._say(f"not ready: {error.reason.value}: {error}")
            return error.reason
        self._say("ready")
        return None

    def _say(self, text: str) -> None:
        if text != self._said:
            _log.warning("%s", text)
            self._said = text
