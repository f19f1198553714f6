"""The commands, their options and their help: what the user reads. One module per group; each calls the
module that does the work."""

from ingestctl.commands.app import app
from ingestctl.commands.batches import forget, run, status
from ingestctl.commands.doctor import doctor, migrate
from ingestctl.commands.models import fetch, list_sets, lock_set, verify
from ingestctl.commands.reading import export, search
from ingestctl.commands.setup import crd, example

__all__ = [
    "app",
    "crd",
    "doctor",
    "example",
    "export",
    "fetch",
    "forget",
    "list_sets",
    "lock_set",
    "migrate",
    "run",
    "search",
    "status",
    "verify",
]
