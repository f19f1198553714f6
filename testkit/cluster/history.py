"""Every version that objects ever had, batches or others, as a watch tells them: what held for a moment only
is in it as well."""

import http.client
import json
import socket
import threading
from contextlib import suppress
from typing import Self

from testkit.cluster.client import Client, Json
from testkit.cluster.program import until


class History:
    """`with History(client, path) as history:` watches from here on; `path` is where a namespace's batches
    are, or its pods."""

    def __init__(self, client: Client, path: str) -> None:
        self._client, self._path = client, path
        self._versions: list[Json] = []
        self._thread = threading.Thread(target=self._read, name="history", daemon=True)

    def __enter__(self) -> Self:
        version = self._client.get(self._path)["metadata"]["resourceVersion"]
        self._connection = self._client.connection()
        self._connection.request(
            "GET", f"{self._path}?watch=1&resourceVersion={version}", headers=self._client.headers
        )
        self._answer = self._connection.getresponse()
        assert self._answer.status == http.client.OK, self._answer.read()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._answer.close()
        self._connection.close()

    @property
    def versions(self) -> tuple[Json, ...]:
        """What it has told so far, of all objects."""
        return tuple(self._versions)

    def of(self, name: str) -> list[Json]:
        """The statuses of one batch in their order, up to the one that it has now."""
        now = self._client.get(f"{self._path}/{name}")["metadata"]["resourceVersion"]
        until(
            lambda: any(each["metadata"]["resourceVersion"] == now for each in self._versions),
            f"the watch has told of {name}",
        )
        return [
            each["status"] for each in self._versions if each["metadata"]["name"] == name and "status" in each
        ]

    def _read(self) -> None:
        with suppress(OSError, http.client.HTTPException, ValueError):  # it was ended
            for line in self._answer:
                event = json.loads(line)
                assert event["type"] != "ERROR", event
                self._versions.append(event["object"])
