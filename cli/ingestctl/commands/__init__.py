"""The commands, their options and their help: what a person reads. One module per group; each calls the module that does the work."""

from ingestctl.commands.app import app
from ingestctl.commands.batches import forget, run, status
from ingestctl.commands.setup import crd, example

__all__ = ["app", "crd", "example", "forget", "run", "status"]
