"""One S3 server on the loopback, and what a test puts into it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from testkit.cluster.program import Program, folder_for_now, free_port
from testkit.s3.programs import versitygw


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks."""

    access_key_id: str
    secret_access_key: str

    def into(self, folder: Path) -> Path:
        """The keys of a Secret, as files of a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "AWS_ACCESS_KEY_ID").write_text(self.access_key_id + "\n", encoding="utf-8")
        (folder / "AWS_SECRET_ACCESS_KEY").write_text(self.secret_access_key + "\n", encoding="utf-8")
        return folder


ROOT = Account("root-of-tests", "a-secret-that-nobody-may-read")
"""Who may do everything."""


@dataclass
class S3Server:
    """A server that runs."""

    url: str

    @cached_property
    def _client(self) -> Any:
        from botocore.config import Config
        from botocore.session import Session

        return Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id=ROOT.access_key_id,
            aws_secret_access_key=ROOT.secret_access_key,
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )

    def bucket(self, name: str) -> str:
        self._client.create_bucket(Bucket=name)
        return name

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=bucket, Key=key, Body=content)

    def delete(self, bucket: str, key: str) -> None:
        self._client.delete_object(Bucket=bucket, Key=key)

    def account(self, name: str) -> Account:
        """A new account, which may do nothing before a policy lets it."""
        made = Account(name, f"secret-of-{name}")
        command = ["admin", "--access", ROOT.access_key_id, "--secret", ROOT.secret_access_key]
        command += ["--endpoint-url", self.url, "create-user"]
        command += ["--access", made.access_key_id, "--secret", made.secret_access_key, "--role", "user"]
        subprocess.run([versitygw(), *command], check=True, capture_output=True)
        return made

    def allow(self, bucket: str, account: Account, *actions: str) -> None:
        """The bucket's policy: what one account may do, such as `s3:GetObject`."""
        place = f"arn:aws:s3:::{bucket}"
        statements = [
            {
                "Effect": "Allow",
                "Principal": {"AWS": [account.access_key_id]},
                "Action": [action],
                "Resource": [place if action == "s3:ListBucket" else f"{place}/*"],
            }
            for action in actions
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self._client.put_bucket_policy(Bucket=bucket, Policy=policy)

    def up(self) -> bool:
        """Whether it answers."""
        try:
            self._client.list_buckets()
        except Exception:  # noqa: BLE001 -- not yet, whatever the client calls it
            return False
        return True


@contextmanager
def serving() -> Iterator[S3Server]:
    """A server with no bucket, while the block runs."""
    with folder_for_now() as folder:
        places = [folder / name for name in ("buckets", "metadata", "accounts")]
        for place in places:
            place.mkdir()
        port = free_port()
        program = Program(
            [
                versitygw(),
                f"--port=127.0.0.1:{port}",
                f"--access={ROOT.access_key_id}",
                f"--secret={ROOT.secret_access_key}",
                f"--iam-dir={places[2]}",
                "--quiet",
                "posix",
                f"--sidecar={places[1]}",  # not every file system has extended attributes
                str(places[0]),
            ],
            folder / "s3.log",
        )
        server = S3Server(f"http://127.0.0.1:{port}")
        program.start()
        try:
            program.wait(server.up)
            yield server
        finally:
            program.kill()
