"""Lists that are empty because their site says that there is none.

Called by `errors`, which finds them out, and by what plans lists. Must not import yt-dlp: `secret_lists` is
read in the process that holds the models, too.
"""

from ingest_worker.errors import StageError


class EmptyListError(StageError):
    """The site of a list says that there is none: a channel has no such tab, or is not live."""


def worded(error: StageError, message: str) -> StageError:
    """The same error in other words."""
    kind = EmptyListError if isinstance(error, EmptyListError) else StageError
    return kind(error.reason, message, retry_after_seconds=error.retry_after_seconds)
