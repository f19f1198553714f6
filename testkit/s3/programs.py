"""The S3 server of tests: Versity's gateway over a folder, with accounts, signatures and bucket policies of
its own.

Built once from `build/`, whose go.mod says which version. `python -m testkit.s3.programs` builds it before
the tests.
"""

from functools import cache
from pathlib import Path

from testkit.cluster.module import Module

MODULE = Module(
    what="S3",
    folder=Path(__file__).with_name("build"),
    packages=("github.com/versity/versitygw/cmd/versitygw",),
    ldflags="-s -w",
    label="s3",
    takes="an S3 server from its module (about two minutes, once on this machine)",
)


@cache
def versitygw() -> Path:
    """The program, built if there is none."""
    return MODULE.built() / "versitygw"


if __name__ == "__main__":
    print(versitygw())
