"""Secrets of sites, cookies and proxies, as files in the pods that fetch. Pure.

Only `ingest_job` and `plan_job` mount them, each what its order names: a pod that fetches from elsewhere has
none of them. The operator itself never reads one.
"""

from collections.abc import Iterable
from typing import Final

from ingest_contract.sites import SecretKey, SiteAccess
from ingest_operator.kube.manifests.volumes import Mount

SITES: Final = "/sites"
"""The folder of a pod in which each Secret of a site is mounted, under its own name; its keys are files."""


def path_of(key: SecretKey) -> str:
    """Where a key of a Secret is in a pod."""
    return f"{SITES}/{key.secret_name}/{key.key}"


def site_secrets(access: Iterable[SiteAccess]) -> tuple[Mount, ...]:
    """The Secrets that an order names, and of each the keys that are needed.

    A pod starts without a Secret or a key that does not exist: its worker says what is missing.
    """
    keys: dict[str, set[str]] = {}
    for path in (path for each in access for path in (each.cookies, each.proxy) if path is not None):
        name, _, key = path.removeprefix(f"{SITES}/").partition("/")
        keys.setdefault(name, set()).add(key)
    return tuple(
        Mount(f"site-{place}", f"{SITES}/{name}", _secret(name, sorted(keys[name])))
        for place, name in enumerate(sorted(keys))
    )


def _secret(name: str, keys: Iterable[str]) -> dict[str, object]:
    items = [{"key": key, "path": key} for key in keys]
    return {"secret": {"secretName": name, "items": items, "optional": True}}
