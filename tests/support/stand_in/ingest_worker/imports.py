"""In place of the engines: nothing, or what `STAND_IN_IMPORTS` asks for."""

import os
import sys
import threading
from pathlib import Path

match os.environ.get("STAND_IN_IMPORTS", "").split():
    case ["fail"]:
        raise ImportError("as asked")
    case ["thread"]:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    case ["open", path]:
        OPENED = Path(path).open()  # noqa: SIM115 -- it stays open, as a driver's device does
        vars(sys.modules["__main__"])["_GPUS"] = path
