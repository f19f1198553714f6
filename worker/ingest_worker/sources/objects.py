"""Object stores that speak S3, opened through fsspec's s3fs: with the right credentials, behind the guard,
and with typed errors.

    with opened(address, allow) as store:
        page = store.call("list_objects_v2", Prefix="talks/")

Called by `buckets`, which lists and fetches recordings; whoever keeps something in an object store opens it
here too (`store.files` is fsspec's file system). s3fs is imported when a store is opened: it brings botocore
and aiohttp, half a second that other sources do not need. No message quotes a key or what a library says:
only the server's error code, bucket and key.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from ingest_contract.failures import Reason
from ingest_contract.object_address import ObjectAddress
from ingest_contract.profile import AllowedSources
from ingest_worker.errors import StageError
from ingest_worker.s3 import SECONDS, s3_files
from ingest_worker.sources.credentials import Credentials, ambient, mounted
from ingest_worker.sources.errors import chain
from ingest_worker.sources.guard import Guard, Policy, policy_of

_RETRIES: Final = 3
"""Tries of one request. More are the planner's decision."""

_CODES: Final = {
    **dict.fromkeys(("NoSuchBucket", "NoSuchKey", "NotFound", "404"), Reason.NOT_FOUND),
    **dict.fromkeys(
        (
            "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidSecurity",
            "TokenRefreshRequired", "RequestExpired", "InvalidClientTokenId", "NotSignedUp", "401",
        ),
        Reason.CREDENTIALS_INVALID,
    ),
    **dict.fromkeys(
        ("AccessDenied", "AllAccessDisabled", "AccountProblem", "UnauthorizedAccess", "403"),
        Reason.ACCESS_DENIED,
    ),
    **dict.fromkeys(
        (
            "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded",
            "429", "503",
        ),
        Reason.RATE_LIMITED,
    ),
    **dict.fromkeys(("PreconditionFailed", "412"), Reason.SOURCE_CHANGED),
    **dict.fromkeys(
        (
            "InvalidObjectState", "InvalidBucketName", "AuthorizationHeaderMalformed", "PermanentRedirect",
            "IllegalLocationConstraintException", "MethodNotAllowed",
        ),
        Reason.SOURCE_UNSUPPORTED,
    ),
}  # fmt: skip
"""S3's error codes (Amazon S3 API Reference, "List of error codes"), and statuses where a server gives no
code. Every other one is a failed download."""

_HINTS: Final = {
    "InvalidObjectState": "it is archived: restore it, and make a new batch",
    "AuthorizationHeaderMalformed": "the bucket is in another region: set `region`",
    "PermanentRedirect": "the bucket is at another endpoint or in another region: set `endpoint` or `region`",
    "IllegalLocationConstraintException": "the bucket is in another region: set `region`",
}


class Store:
    """One opened bucket."""

    def __init__(self, address: ObjectAddress, files: Any, guard: Guard) -> None:
        self.address, self.files, self._guard = address, files, guard

    def call(self, operation: str, **arguments: Any) -> Mapping[str, Any]:
        """One request to the bucket, by botocore's name for it. Raises `StageError`."""
        with self.typed(arguments.get("Key")):
            answer: Mapping[str, Any] = self.files.call_s3(operation, Bucket=self.address.bucket, **arguments)
            return answer

    def read(self, body: Any, count: int) -> bytes:
        """At most `count` bytes of an answer's body; none at its end. Raises what the connection raises."""
        from fsspec.asyn import sync

        block: bytes = sync(self.files.loop, body.read, count)
        return block

    @contextmanager
    def typed(self, key: str | None = None) -> Iterator[None]:
        """Whatever the libraries raise becomes a `StageError`."""
        try:
            yield
        except StageError:
            raise
        except Exception as error:  # noqa: BLE001 -- botocore, aiohttp and s3fs each have their own
            raise stage_error(error, self.address.bucket, key, self._guard) from None


@contextmanager
def opened(address: ObjectAddress, allow: AllowedSources, *, policy: Policy | None = None) -> Iterator[Store]:
    """The bucket of an address, while the block runs; every connection is checked by the guard.

    Args:
        address: Which bucket, where, and where its credentials lie.
        allow: What the profile allows.
        policy: Which addresses may be reached, if not those that the profile allows.

    Raises:
        StageError: `CREDENTIALS_INVALID` for a Secret that is missing or not complete, or where the machine
            has no credentials; `SOURCE_REFUSED` for an endpoint that may not be reached, or a bucket that may
            not be read with the machine's own credentials; `DOWNLOAD_FAILED` for a name without an address.
    """
    found = mounted(address) if address.mount else ambient(address, allow)
    guard = Guard(policy or policy_of(allow))
    if address.endpoint is not None:
        guard.check(address.endpoint)
    with guard.up():
        files = _file_system(address, found)
        try:
            yield Store(address, files, guard)
        finally:
            _close(files)


def stage_error(error: BaseException, bucket: str, key: str | None, guard: Guard) -> StageError:
    """The typed error for whatever botocore, aiohttp or s3fs raises."""
    what = f"{bucket}/{key}" if key else f"the bucket {bucket}"
    links = list(chain(error))
    if guard.refused is not None:
        return guard.refusal(f"{what} is at {guard.refused}")
    if any(isinstance(link, MemoryError) for link in links):
        return StageError(Reason.SOURCE_TOO_LARGE, f"{what} takes more memory than is given to looking at it")
    code = next((found for link in links if (found := _code(link))), "")
    if code:
        hint = _HINTS.get(code, "")
        reason = _CODES.get(code, Reason.DOWNLOAD_FAILED)
        return StageError(reason, f"{what}: the object store says {code}{': ' if hint else ''}{hint}")
    slow = any("Timeout" in type(link).__name__ for link in links)
    why = f"no answer in {SECONDS} s" if slow else f"the connection failed ({type(links[0]).__name__})"
    return StageError(Reason.DOWNLOAD_FAILED, f"{what}: {why}")


def _code(link: BaseException) -> str:
    """S3's code in a botocore `ClientError`; empty for any other exception."""
    response = getattr(link, "response", None)
    said = response.get("Error", {}) if isinstance(response, dict) else {}
    code = str(said.get("Code", ""))
    return code if code.isascii() and code.isalnum() else ""


def _file_system(address: ObjectAddress, found: Credentials) -> Any:
    region = address.region or found.region
    return s3_files(
        address.endpoint,
        {"max_attempts": _RETRIES},
        config={
            "proxies": {},  # as for sites: behind a proxy the guard would see only the proxy
            "ignore_configured_endpoint_urls": address.mount is not None,
        },
        key=found.access_key_id,
        secret=found.secret_access_key,
        token=found.session_token,
        client_kwargs={"region_name": region} if region else {},
    )


def _close(files: Any) -> None:
    """Close the connections, which s3fs leaves to a garbage collector."""
    creator = getattr(files, "_s3creator", None)
    if creator is not None:
        files.close_session(files.loop, creator)
