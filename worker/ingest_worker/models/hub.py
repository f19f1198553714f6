"""The Hugging Face hub as a source of models: who may fetch, which commit is the newest, and the files of one
commit.

Called by `fetching` alone. The only place that imports `huggingface_hub`, and that translates its exceptions.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from ingest_contract.failures import Reason
from ingest_worker.errors import StageError
from ingest_worker.models.model_set import HubSource

PAGE = "https://huggingface.co"


def require_access(source: HubSource) -> None:
    """Ask whether this person may fetch a gated repository. Listing one succeeds without a token; only its
    files are refused.

    Raises:
        StageError: `MODELS_UNAVAILABLE`, saying what to do on which page.
    """
    from huggingface_hub import auth_check

    with _ours(source):
        auth_check(source.repository)


def newest(source: HubSource) -> str:
    """The commit of the repository's main branch. Raises `StageError(MODELS_UNAVAILABLE)`."""
    from huggingface_hub import HfApi

    with _ours(source):
        return str(HfApi().model_info(source.repository).sha)


def size_of(source: HubSource, revision: str) -> int:
    """Bytes of the files that the source takes. Raises `StageError(MODELS_UNAVAILABLE)`."""
    from huggingface_hub import HfApi

    with _ours(source):
        files = HfApi().model_info(source.repository, revision=revision, files_metadata=True).siblings or []
    return sum(
        file.size or 0 for file in files if any(fnmatch(file.rfilename, pattern) for pattern in source.take)
    )


def download(source: HubSource, revision: str, into: Path) -> None:
    """Fetch one commit's files into a folder; resumes an interrupted download.

    Raises:
        StageError: `MODELS_UNAVAILABLE`.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()  # the command draws its own
    with _ours(source):
        snapshot_download(
            source.repository, revision=revision, local_dir=into, allow_patterns=list(source.take)
        )
    shutil.rmtree(into / ".cache", ignore_errors=True)  # the client's notes about the download


@contextmanager
def _ours(source: HubSource) -> Iterator[None]:
    """Translate the client's exceptions into sentences. The exception for a gated repository is a subclass of
    the one for a missing repository, so it comes first."""
    from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError

    page = f"{PAGE}/{source.repository}"
    try:
        yield
    except GatedRepoError as error:
        raise _unavailable(
            f"{source.repository} asks people to accept its conditions. Open {page}, accept them, "
            f"make a token on {PAGE}/settings/tokens, and run this again with HF_TOKEN set to it."
        ) from error
    except RepositoryNotFoundError as error:
        why = "It is private or gone, or the token in HF_TOKEN is not valid."
        raise _unavailable(f"The hub shows nobody like you a repository {page}. {why}") from error
    except OfflineModeIsEnabled as error:
        raise _unavailable(
            f"{source.repository} cannot be fetched: HF_HUB_OFFLINE is set. Unset it for this command."
        ) from error
    except Exception as error:  # its HTTP library has changed twice, each with exceptions of its own
        detail = f"{type(error).__name__}: {error}"
        raise _unavailable(
            f"{source.repository} could not be fetched from the hub ({detail}). "
            "Check the network, and run this again."
        ) from error


def _unavailable(message: str) -> StageError:
    return StageError(Reason.MODELS_UNAVAILABLE, message)
