"""Credentials for object stores: those in a Secret's folder, and those of the machine or pod itself.

Called by `objects`, which opens buckets, and by `apart`, which tells when a Secret is missing. Must not
import yt-dlp.
"""

from dataclasses import dataclass
from pathlib import Path

from ingest_contract.failures import Reason
from ingest_contract.object_address import SECRET_KEYS, ObjectAddress, is_object, object_address
from ingest_contract.profile import AllowedSources
from ingest_worker.errors import StageError
from ingest_worker.hiding import know
from ingest_worker.sources.secret_lists import is_secret, lines_of


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What opens a bucket. Secret: never in a message or a log (`hiding`), from when it is made."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None
    region: str | None = None
    """The region that the machine's own settings name."""

    def __post_init__(self) -> None:
        know((self.secret_access_key, self.session_token))  # the id of a key opens nothing, and may be a word


def mounted(address: ObjectAddress) -> Credentials:
    """The credentials in a Secret's folder. Raises `StageError(CREDENTIALS_INVALID)`."""
    folder = Path(address.mount or "/")
    found = dict[str, str]()
    for key in SECRET_KEYS:
        try:
            found[key] = (folder / key).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            found[key] = ""
    missing = [key for key in SECRET_KEYS[:2] if not found[key]]
    if missing:
        raise StageError(
            Reason.CREDENTIALS_INVALID,
            f"the Secret {folder.name} has no {' and no '.join(missing)}: is it in the batch's namespace, "
            f"with the keys {SECRET_KEYS[0]} and {SECRET_KEYS[1]}?",
        )
    access_key_id, secret_access_key, session_token = (found[key] for key in SECRET_KEYS)
    return Credentials(access_key_id, secret_access_key, session_token or None)


def check_secrets(address: str) -> None:
    """Raise `StageError(CREDENTIALS_INVALID)` if what an address needs of a Secret is missing. For the
    process that starts the one that fetches, which may not say that a batch is set up wrongly."""
    if is_secret(address):
        lines_of(address)
    elif is_object(address) and (parts := object_address(address)).mount:
        mounted(parts)


def ambient(address: ObjectAddress, allow: AllowedSources) -> Credentials:
    """The machine's or pod's own credentials, as botocore finds them: its environment, its settings, its
    role.

    They are found before the guard is up: a role's credentials come from an address that no source may reach.
    Raises `StageError`.
    """
    if address.bucket not in allow.buckets:
        raise StageError(
            Reason.SOURCE_REFUSED,
            f"the profile does not let batches read {address.bucket} with the pods' own credentials: name it "
            "in `fetch.allow.buckets`, or name a Secret (`secretName`)",
        )
    from botocore.session import get_session

    try:
        session = get_session()
        found = session.get_credentials()
        frozen = None if found is None else found.get_frozen_credentials()
        region = session.get_config_variable("region")
    except Exception as error:  # noqa: BLE001 -- each provider of botocore's chain has its own
        raise StageError(
            Reason.CREDENTIALS_INVALID,
            f"the credentials of this machine or pod cannot be read ({type(error).__name__})",
        ) from None
    if frozen is None:
        raise StageError(
            Reason.CREDENTIALS_INVALID,
            f"this machine or pod has no credentials of its own for {address.bucket}: name a Secret "
            "(`secretName`), or give it some",
        )
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token, region)
