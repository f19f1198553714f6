"""Pods that plan and fetch, carried out by the real worker: the stand-in kubelet plays how they ended, what
they printed and what they left as a Receipt.

Secrets are read from the API server and lie as files where the pod's volumes say, each below a folder of this
machine in place of the container's root.
"""

import base64
import json
import os
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Final

from ingest_contract.order import IngestOrder, PlanOrder, WorkOrder
from ingest_contract.order_variables import DSN_VARIABLE, ORDER_VARIABLE
from ingest_contract.plan_document import PlanDocument, frames, unframe
from ingest_contract.receipt import decode, encode
from testkit.cluster.client import Client, Json
from testkit.cluster.kubelet_order import order_of
from testkit.cluster.life import Exit, Life, Script
from testkit.cluster.lives import sequence
from testkit.site.extractor import VARIABLE

RECEIPT: Final = "/dev/termination-log"
PASSED_ON: Final = ("PATH", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH")


class RealPods:
    """A script for the stand-in kubelet. What ingests is played as `otherwise` says."""

    def __init__(
        self, admin: Client, dsn: str, place: Path, plugins: Path, otherwise: Script | None = None
    ) -> None:
        """`dsn` is the store's address. `place` gets two folders: `pods`, with what containers may write, and
        `secrets`."""
        self._admin, self._dsn, self._plugins = admin, dsn, plugins
        self._otherwise = otherwise or sequence({})
        self.pods, self._secrets = place / "pods", place / "secrets"
        self.orders: list[WorkOrder] = []
        self.plans: list[PlanDocument] = []
        """What frames of logs and ConfigMaps hold, compressed."""

    def __call__(self, pod: Json) -> Life:
        order = order_of(pod)
        if order is None or isinstance(order, IngestOrder):
            return self._otherwise(pod)
        self.orders.append(order)
        folders = self._mounted(pod)
        receipt = self.pods / pod["metadata"]["name"] / "termination-log"
        folders[RECEIPT] = receipt
        inside = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        inside |= {
            "TMPDIR": str(folders["/tmp"]),
            "HOME": str(folders["/tmp"]),
            VARIABLE: str(self._plugins),
            DSN_VARIABLE: self._dsn,
            ORDER_VARIABLE: _outside(order.to_json(), folders),
        }
        ended = subprocess.run(
            [sys.executable, "-m", "ingest_worker"],
            env=inside,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=folders["/tmp"],
        )
        said = _inside(receipt.read_text() if receipt.exists() else "", folders)
        log = _inside(ended.stdout, folders)
        if isinstance(order, PlanOrder) and ended.returncode == 0:
            said, log = self._planned(said, log, folders)
        (receipt.parent / "log").write_text(ended.stdout)
        return Life(
            end=Exit(code=ended.returncode, message=said),
            log=log,
        )

    def _planned(self, receipt: str, log: str, folders: dict[str, Path]) -> tuple[str, str]:
        """The Receipt and the log with a plan that names folders as the container has them."""
        lines = log.splitlines()
        document = PlanDocument.model_validate_json(_inside(unframe(lines).to_json(), folders))
        self.plans.append(document)
        told = decode(receipt).model_copy(update={"plan": document.summary})
        others = (line for line in lines if not line.startswith("plan/"))
        return encode(told).decode(), "\n".join((*others, *frames(document), ""))

    def _mounted(self, pod: Json) -> dict[str, Path]:
        """The folders of this machine by their paths in the container."""
        volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
        root = self.pods / pod["metadata"]["name"]
        folders: dict[str, Path] = {}
        for mount in pod["spec"]["containers"][0]["volumeMounts"]:
            volume = volumes[mount["name"]]
            if "secret" in volume:
                folder = self._secret(pod["metadata"]["namespace"], volume["secret"])
            elif mount["mountPath"] == "/cache":
                folder = self.pods / "cache"
            else:
                folder = root / mount["name"]
            folder.mkdir(parents=True, exist_ok=True)
            folders[mount["mountPath"]] = folder
        return folders

    def _secret(self, namespace: str, volume: Json) -> Path:
        """As a kubelet mounts it: the keys that are named and exist, as they are now."""
        status, body = self._admin.send(
            "GET", f"/api/v1/namespaces/{namespace}/secrets/{volume['secretName']}"
        )
        keys = json.loads(body).get("data", {}) if status == HTTPStatus.OK else {}
        folder = self._secrets / volume["secretName"]
        folder.mkdir(parents=True, exist_ok=True)
        for item in volume["items"]:
            if item["key"] in keys:
                (folder / item["path"]).write_bytes(base64.b64decode(keys[item["key"]]))
        return folder


def _outside(text: str, folders: dict[str, Path]) -> str:
    for path, folder in folders.items():
        text = text.replace(f'"{path}', f'"{folder}').replace(f"mount={path}", f"mount={folder}")
    return text


def _inside(text: str, folders: dict[str, Path]) -> str:
    for path, folder in folders.items():
        text = text.replace(str(folder), path)
    return text
