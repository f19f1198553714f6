"""Which errors of the command are no bugs.

Beside `ending`, which imports nothing of the project before there is an error, and not in `place`, which
every question passes: where these errors are made takes longer to import than a search of the store does.
"""

from typing import Final

from ingest_operator.core.source_lists import SourceError
from ingest_operator.core.voices import UnknownVoiceError
from ingest_operator.kube.api.kubeconfig import KubeconfigError
from ingest_operator.local.enrolling import EnrolmentError
from ingest_operator.local.planning import PlanningError
from ingest_operator.local.status_store import BatchBusyError
from ingest_worker.errors import StageError
from ingestctl.asking.question import NoAnswerError
from ingestctl.backends.port import CommandError

EXPECTED: Final = (
    BatchBusyError,
    CommandError,
    EnrolmentError,
    KubeconfigError,
    NoAnswerError,
    PlanningError,
    SourceError,
    StageError,
    UnknownVoiceError,
)
"""Errors that are not bugs: each says in one sentence what went wrong and what to do."""
