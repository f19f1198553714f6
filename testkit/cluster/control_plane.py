"""A real control plane for tests: etcd, kube-apiserver and kube-controller-manager on the loopback, without
root and without containers.

Schemas, CEL rules, RBAC, the Job controller, ownerships, quotas and garbage collection are the real ones. No
pod runs: a test that needs pods brings its own kubelet. Everything ends with the test run, however that ends,
and leaves nothing behind.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from testkit.cluster.audit import POLICY, AuditLog
from testkit.cluster.binaries import program
from testkit.cluster.certificates import Certificates
from testkit.cluster.client import Client
from testkit.cluster.etcd import Etcd
from testkit.cluster.program import Program, folder_for_now, free_port, until

LOOPBACK = "127.0.0.1"
SERVICES, SERVICE = "10.96.0.0/16", "10.96.0.1"
"""Addresses of Services, and that of the API server's own."""
ADMIN, ADMINS = "admin", "system:masters"


@dataclass(frozen=True, slots=True)
class Reference:
    """What another process needs to talk to a control plane that runs already."""

    folder: Path
    """The plane's own; who refers to it has one of its own within."""
    port: int
    etcd: str
    """The address of etcd."""
    authority: tuple[bytes, bytes]
    """Certificate and key of the plane's authority, as PEM."""


class ControlPlane:
    """The three programs and what it takes to talk to them."""

    def __init__(
        self,
        folder: Path,
        api_server_flags: Sequence[str] = (),
        controller_manager_flags: Sequence[str] = (),
        address: str | None = None,
    ) -> None:
        """`address` is an address of this machine's at which real nodes and pods reach the API server;
        without one nobody but us does."""
        self._set_up(folder, free_port(), Certificates(folder / "certificates"), Etcd(folder))
        self.audit, self.address = AuditLog(folder / "audit.jsonl"), address
        self._api_server_flags, self._controller_manager_flags = (
            tuple(api_server_flags),
            tuple(controller_manager_flags),
        )

    @classmethod
    def at(cls, reference: Reference) -> "ControlPlane":
        """One that another process runs, and that only that process can start, kill and end."""
        plane = cls.__new__(cls)
        folder = reference.folder / f"process-{os.getpid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        certificates = Certificates(folder / "certificates", reference.authority)
        plane._set_up(folder, reference.port, certificates, Etcd(folder, reference.etcd))
        plane.audit, plane.address = AuditLog(reference.folder / "audit.jsonl"), None
        return plane

    def _set_up(self, folder: Path, port: int, certificates: Certificates, etcd: Etcd) -> None:
        self.folder, self.port, self.certificates, self.etcd = folder, port, certificates, etcd
        self.admin = Client(self.port, self.certificates.authority, self.certificates.user(ADMIN, ADMINS))

    @property
    def reference(self) -> Reference:
        """For other processes of this run."""
        return Reference(self.folder, self.port, self.etcd.url, self.certificates.as_pem())

    @property
    def url(self) -> str:
        """Where the API server is."""
        return f"https://{LOOPBACK}:{self.port}"

    @cached_property
    def kubeconfig(self) -> Path:
        """May do everything."""
        return self.kubeconfig_for(ADMIN, ADMINS)

    @cached_property
    def api_server(self) -> Program:
        """Can be killed and started again: what it knew is in etcd."""
        signed, kubelets, tokens = (
            self.certificates.server(
                LOOPBACK,
                "localhost",
                "kubernetes.default.svc",
                *((self.address, SERVICE) if self.address else ()),
            ),
            self.certificates.user("kube-apiserver-kubelet-client", ADMINS),
            self.certificates.tokens,
        )
        policy = self.folder / "audit-policy.json"
        policy.write_text(json.dumps(POLICY), encoding="utf-8")
        flags = {
            "etcd-servers": self.etcd.url,
            "bind-address": "0.0.0.0" if self.address else LOOPBACK,  # noqa: S104 -- both: it takes one address or all
            "advertise-address": self.address or LOOPBACK,
            "endpoint-reconciler-type": "lease"
            if self.address
            else "none",  # no pod looks for the API server
            "secure-port": self.port,
            "tls-cert-file": signed.certificate,
            "tls-private-key-file": signed.key,
            "client-ca-file": self.certificates.authority,
            "authorization-mode": "Node,RBAC",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": tokens.key,
            "service-account-signing-key-file": tokens.key,
            "service-cluster-ip-range": SERVICES,
            "kubelet-certificate-authority": self.certificates.authority,
            "kubelet-client-certificate": kubelets.certificate,
            "kubelet-client-key": kubelets.key,
            "kubelet-preferred-address-types": "InternalIP",
            "event-ttl": "15m",
            "audit-log-path": self.audit.path,
            "audit-log-maxsize": 100_000,  # megabytes: it must not be cut while a test reads it
            "audit-policy-file": policy,
        }
        return self._program("kube-apiserver", flags, self._api_server_flags)

    @cached_property
    def controller_manager(self) -> Program:
        """Runs Jobs, collects garbage, hands out ServiceAccounts."""
        flags = {
            "kubeconfig": self.kubeconfig_for("system:kube-controller-manager"),
            "use-service-account-credentials": "true",
            "service-account-private-key-file": self.certificates.tokens.key,
            "root-ca-file": self.certificates.authority,
            "leader-elect": "false",
            "kube-api-qps": 200,
            "kube-api-burst": 400,
            "secure-port": 0,  # nobody asks it anything
        }
        return self._program("kube-controller-manager", flags, self._controller_manager_flags)

    def _program(self, name: str, flags: dict[str, Any], more: Sequence[str]) -> Program:
        command: list[str | Path] = [
            program(name),
            *(f"--{flag}={value}" for flag, value in flags.items()),
            *more,
        ]
        return Program(command, self.folder / f"{name}.log")

    def ready(self) -> bool:
        """Whether the API server answers and has finished its own start."""
        try:
            return self.admin.send("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def kubeconfig_for(self, user: str, group: str | None = None) -> Path:
        """A kubeconfig of any user, proved by a certificate."""
        pair = self.certificates.user(user, group)
        return self._kubeconfig(
            user, {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
        )

    def kubeconfig_of(self, namespace: str, service_account: str) -> Path:
        """A kubeconfig of a ServiceAccount, which is made if there is none, proved by a token as a pod's
        would be."""
        return self._kubeconfig(
            f"{namespace}-{service_account}", {"token": self.token_of(namespace, service_account)}
        )

    def token_of(self, namespace: str, service_account: str) -> str:
        """A token of a ServiceAccount, which is made if there is none."""
        self.admin.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": service_account}}, namespace
        )
        wanted = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 86_400},
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        return str(self.admin.request("POST", path, wanted)["status"]["token"])

    def client_of(self, namespace: str, service_account: str) -> Client:
        """A client that is a ServiceAccount."""
        return Client(self.port, self.certificates.authority, token=self.token_of(namespace, service_account))

    def _kubeconfig(self, name: str, user: dict[str, str]) -> Path:
        path = self.folder / f"{name.replace(':', '-')}.kubeconfig"
        cluster = {"server": self.url, "certificate-authority": str(self.certificates.authority)}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [
                {"name": "tests", "context": {"cluster": "tests", "user": name, "namespace": "default"}}
            ],
            "current-context": "tests",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    def kubectl(
        self, *arguments: str, text: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Kubectl as the admin, `text` on its standard input."""
        # Its discovery cache must not be the user's, nor older than the CRDs.
        command: list[str | Path] = [
            program("kubectl"),
            f"--kubeconfig={self.kubeconfig}",
            f"--cache-dir={self.folder / 'kubectl-cache'}",
            *arguments,
        ]
        result = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=120)
        assert not check or result.returncode == 0, f"kubectl {' '.join(arguments)}: {result.stderr}"
        return result

    def install(self, *definitions: dict[str, Any]) -> None:
        """Apply CustomResourceDefinitions and wait until their kinds are served."""
        for definition in definitions:
            self.admin.apply(definition)
        for definition in definitions:
            until(partial(self._serves, definition), f"{definition['metadata']['name']} is established")

    def _serves(self, definition: dict[str, Any]) -> bool:
        seen = self.admin.get(self.admin.path_of(definition)).get("status", {}).get("conditions") or ()
        return any(one["type"] == "Established" and one["status"] == "True" for one in seen)


@contextmanager
def control_plane(
    *,
    api_server_flags: Sequence[str] = (),
    controller_manager_flags: Sequence[str] = (),
    address: str | None = None,
) -> Iterator[ControlPlane]:
    """A control plane that is ready, and gone afterwards. A flag given here wins over the one of the same
    name that is set anyway."""
    with ExitStack() as ends:
        plane = ControlPlane(
            ends.enter_context(folder_for_now()), api_server_flags, controller_manager_flags, address
        )
        for one, up in ((plane.etcd.program, plane.etcd.up), (plane.api_server, plane.ready)):
            ends.callback(one.kill)
            one.start()
            one.wait(up)
        ends.callback(plane.controller_manager.kill)
        plane.controller_manager.start()
        plane.controller_manager.wait(
            lambda: plane.admin.send("GET", "/api/v1/namespaces/default/serviceaccounts/default")[0] == 200
        )
        yield plane
