"""The API server: objects go in and come out as JSON, and every failure is one of `errors`.

The official client brings configuration, credentials, TLS and retries; all code here works on JSON. It
retries GET, PUT and DELETE; POST and PATCH are retried by the next reconcile, which asks for the same names.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from time import monotonic
from typing import Final

from aiohttp import ClientError, ClientResponse, ClientTimeout, SocketTimeoutError
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from ingest_operator.kube.api.answers import names_in, object_in
from ingest_operator.kube.api.errors import (
    ApiError,
    ConflictError,
    NotFoundError,
    SilentError,
    UnreachableError,
    error_of,
)
from ingest_operator.kube.api.kubeconfig import Target, chosen
from ingest_operator.kube.api.log_lines import LOG_BYTES, lines_of
from ingest_operator.kube.api.repeats import Repeats
from ingest_operator.kube.api.resources import PODS, Object, Resource

Observer = Callable[[str, str, int, float], None]
"""Called after every request with (verb, resource as in a role, HTTP status or 0 for no answer, seconds with
all retries)."""

Listing = tuple[list[Object], str]
"""(objects, resourceVersion of the list)."""

PAGE_OBJECTS: Final = 500
"""Objects in one answer: the whole list of a large cluster would fill the server's memory and ours."""

CONNECTIONS: Final = 64
REQUEST_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 60.0
"""Seconds without a line after which a log is asked for anew: a connection may be dead without a word."""

_METHODS: Final = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
}


class Api:
    """The operator's client of the API server. Every method raises `ApiError`."""

    def __init__(
        self, client: ApiClient, observer: Observer | None = None, seconds: float = REQUEST_SECONDS
    ) -> None:
        """`seconds` limits one attempt of one request, including the wait for a free connection."""
        self._client, self._observer = client, observer
        # `connect` would count the wait for a free connection as well, and a burst of starts has to wait.
        self._timeout = ClientTimeout(total=seconds, sock_connect=min(CONNECT_SECONDS, seconds))

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """One object; without a namespace, one of the cluster's own."""
        return object_in(await self._send("get", resource.plural, resource.path(namespace, name)))

    async def list(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        labels: str = "",
        keep: Callable[[Object], Object] = lambda thing: thing,
    ) -> Listing:
        """Every object that the label selector matches, each passed through `keep`, so that ten thousand are
        never in memory whole."""
        try:
            return await self._pages(resource, namespace, labels, keep)
        except ApiError as error:
            if error.status != HTTPStatus.GONE:
                raise
            # The version that the pages belong to was compacted away between two of them; a new list starts
            # at a new version.
            return await self._pages(resource, namespace, labels, keep)

    async def served(self, group: str, version: str) -> frozenset[str]:
        """The plurals that the server's discovery lists for a version of a group; empty while it does not
        know the group."""
        if group not in names_in(await self._send("get", "apis", "/apis"), "groups"):
            return frozenset()
        try:
            return names_in(await self._send("get", "apis", f"/apis/{group}/{version}"), "resources")
        except NotFoundError:
            return frozenset()

    async def create(
        self, resource: Resource, namespace: str, body: Object, *, dry_run: bool = False
    ) -> Object:
        """Create an object, or find out by a dry run whether that is possible. When the answer is lost
        (`UnreachableError`) it may have been created: the next call raises `AlreadyExistsError`."""
        query = {"dryRun": "All"} if dry_run else {}
        return object_in(
            await self._send("create", resource.plural, resource.path(namespace), query=query, body=body)
        )

    async def replace_status(self, resource: Resource, body: Object) -> Object:
        """Replace the status, if the object still has `metadata.resourceVersion`. On `ConflictError` see
        there.

        A field that the cluster's definition does not know is refused: the server would drop it without a
        word, and the next reconcile would write it again.
        """
        path = resource.path(body["metadata"]["namespace"], body["metadata"]["name"], "status")
        query = {"fieldValidation": "Strict"}
        written = await self._send("update", f"{resource.plural}/status", path, query=query, body=body)
        return object_in(written)

    async def patch(
        self, resource: Resource, namespace: str, name: str, body: Object, *, subresource: str | None = None
    ) -> Object:
        """Apply a JSON merge patch; with `metadata.resourceVersion` in it, only to that version. A field that
        the cluster's definition does not know is refused, as for `replace_status`."""
        asked = "/".join(part for part in (resource.plural, subresource) if part)
        path = resource.path(namespace, name, subresource)
        query = {"fieldValidation": "Strict"}
        return object_in(await self._send("patch", asked, path, query=query, body=body))

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str) -> None:
        """Delete this object and, in the background, what it owns. It is no error if the object is gone, even
        if another one has its name by now."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        try:
            await self._send("delete", resource.plural, resource.path(namespace, name), body=body)
        except NotFoundError:
            return
        except ConflictError:
            with contextlib.suppress(NotFoundError):
                if (await self.get(resource, namespace, name))["metadata"]["uid"] == uid:
                    # it is the same object, and still there: a caller that believes it gone would never
                    # delete it
                    raise

    async def log(self, namespace: str, pod: str, container: str, *, tail: int | None = None) -> str:
        """The log of a container, or its last `tail` lines; `RefusedError` (Invalid) while it waits to begin,
        `NotFoundError` when its pod is gone."""
        path = PODS.path(namespace, pod, "log")
        query = {"container": container, "limitBytes": str(LOG_BYTES)}
        if tail is not None:
            query["tailLines"] = str(tail)
        return (await self._send("get", "pods/log", path, query=query)).decode(errors="replace")

    async def log_lines(
        self, namespace: str, pod: str, container: str, *, since: str = "", tail: int | None = None
    ) -> AsyncIterator[str]:
        """The lines of a container's log as it writes them, each with its time and a blank in front, until it
        ends; only those of the second of `since` and later, or the last `tail` first. Raises as `log` does,
        and `SilentError` after `SILENCE_SECONDS` without a line."""
        path = PODS.path(namespace, pod, "log")
        query = {"container": container, "follow": "true", "timestamps": "true"}
        query |= {"sinceTime": since} if since else {}
        query |= {"tailLines": str(tail)} if tail is not None else {}
        quiet = ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
        try:
            response = await self._request("GET", path, query, None, quiet)
            async with response:
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise error_of(
                        response.status, await response.read(), response.headers.get("Retry-After")
                    )
                async for line in lines_of(response):
                    yield line
        except SocketTimeoutError as error:
            raise SilentError(type(error).__name__, f"GET {path}: no line in time") from error
        except (ClientError, OSError) as error:
            raise UnreachableError(type(error).__name__, f"GET {path}: {str(error) or 'cut'}") from error

    async def _pages(
        self, resource: Resource, namespace: str | None, labels: str, keep: Callable[[Object], Object]
    ) -> Listing:
        items: list[Object] = []
        query = {"limit": str(PAGE_OBJECTS)} | ({"labelSelector": labels} if labels else {})
        while True:
            page = object_in(await self._send("list", resource.plural, resource.path(namespace), query=query))
            # Items of a list say nothing about their kind.
            items += (
                keep({"apiVersion": resource.api_version, "kind": resource.kind} | item)
                for item in page.get("items") or ()
            )
            if not (following := page["metadata"].get("continue")):
                return items, page["metadata"]["resourceVersion"]
            query["continue"] = following

    async def _send(
        self,
        verb: str,
        resource: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
    ) -> bytes:
        """Send a request and read its whole answer; report the result to the observer."""
        started, status = monotonic(), 0
        try:
            response = await self._request(_METHODS[verb], path, query or {}, body, self._timeout)
            content = await response.read()
            status = response.status
        except (ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise UnreachableError(
                type(error).__name__, f"{_METHODS[verb]} {path}: {str(error) or 'no answer in time'}"
            ) from error
        finally:
            if self._observer is not None:
                self._observer(verb, resource, status, monotonic() - started)
        if status >= HTTPStatus.BAD_REQUEST:
            raise error_of(status, content, response.headers.get("Retry-After"))
        return content

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None,
        limits: ClientTimeout,
    ) -> ClientResponse:
        headers = {"Accept": "application/json, */*", "Content-Type": _content_type(method)}
        # Adds host and credentials, which may have been renewed; the body is not passed in, or it would be
        # copied node by node.
        _, url, headers, *_ = await self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=headers,
            auth_settings=["BearerToken"],
        )
        response: ClientResponse = (
            await self._client.call_api(method, url, headers, body, _request_timeout=limits)
        ).response
        return response


@asynccontextmanager
async def connected(
    observer: Observer | None = None, seconds: float = REQUEST_SECONDS, target: Target | None = None
) -> AsyncIterator[Api]:
    """A client of the API server that this process belongs to, or that `target` names. Raises
    `KubeconfigError`.

    Without a target that is the one of $KUBECONFIG where it is set, in a pod the cluster's own, else the one
    of the user's kubeconfig.
    """
    configuration = Configuration(connection_pool_maxsize=CONNECTIONS, retries=Repeats())
    # As strict as kubectl. Python 3.13 is stricter, and clusters with older authorities could not be reached.
    configuration.disable_strict_ssl_verification = True
    where = chosen(target or Target())
    try:
        if where.path is None:
            load_incluster_config(configuration)  # type: ignore[no-untyped-call]  # the library has no types here
        else:
            await load_kube_config(where.path, where.context, configuration)  # type: ignore[no-untyped-call]  # nor here
        client = ApiClient(configuration)
    except (ConfigException, OSError, ValueError) as error:  # OSError: a certificate that is none
        raise where.unusable(error) from error
    async with client:
        yield Api(client, observer, seconds)


def _content_type(method: str) -> str:
    return "application/merge-patch+json" if method == "PATCH" else "application/json"
