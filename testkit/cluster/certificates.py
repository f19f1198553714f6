"""The certificates of a control plane: one authority for servers, users and kubelets, and a key that signs
ServiceAccount tokens."""

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import trustme

NOWHERE = "no-server.invalid"
"""Whoever is no server needs a name all the same: the extension without one is critical, and Go refuses what
it finds empty."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Certificates:
    """What one authority has signed, below a folder."""

    def __init__(self, folder: Path, authority: tuple[bytes, bytes] | None = None) -> None:
        """`authority` is another's, as PEM: what is signed here is trusted there."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder = folder
        self._turn, self._made = threading.Lock(), set[Pair]()
        self._authority = (
            trustme.CA(organization_name="tests of video-ingest-operator")
            if authority is None
            else trustme.CA.from_pem(*authority)
        )

    def as_pem(self) -> tuple[bytes, bytes]:
        """Certificate and key of the authority."""
        return self._authority.cert_pem.bytes(), self._authority.private_key_pem.bytes()

    @cached_property
    def authority(self) -> Path:
        """The authority's certificate."""
        path = self.folder / "ca.crt"
        self._authority.cert_pem.write_to_path(path)
        return path

    def server(self, *names: str) -> Pair:
        """For a server that is reached under these names and addresses; a kubelet is one."""
        return self._files(f"server-{'-'.join(names)}", self._authority.issue_cert(*names))

    def user(self, name: str, group: str | None = None) -> Pair:
        """For a user as the API server knows it: the common name, and the organization as its group."""
        issued = self._authority.issue_cert(NOWHERE, common_name=name, organization_name=group)
        return self._files(f"user-{name.replace(':', '-')}-{(group or '').replace(':', '-')}", issued)

    @cached_property
    def tokens(self) -> Pair:
        """The key that signs tokens of ServiceAccounts."""
        return self._files("tokens", self._authority.issue_cert(NOWHERE, common_name="tokens"))

    def _files(self, name: str, issued: trustme.LeafCert) -> Pair:
        pair = Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        with self._turn:
            if pair not in self._made:  # somebody may be reading it
                self._write(pair, issued)
                self._made.add(pair)
        return pair

    @staticmethod
    def _write(pair: Pair, issued: trustme.LeafCert) -> None:
        pair.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        pair.key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(pair.key)
