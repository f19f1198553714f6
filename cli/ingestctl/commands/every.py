"""The command line with all of its commands, in the order in which its help shows them."""

from importlib import import_module

from ingestctl.asking.command import EXAMPLES, search
from ingestctl.commands import MODULES
from ingestctl.commands.app import app

__all__ = ["app"]

for module in dict.fromkeys(MODULES.values()):
    import_module(f"{__package__}.{module}")  # whose commands are registered with it
app.command(epilog=EXAMPLES)(search)
