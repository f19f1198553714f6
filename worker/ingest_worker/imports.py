"""Imports what a run imports before and while it computes, for `forking`. The only module that imports every
engine at once; nothing else may import it.

A model's own modules are among them: they are imported when it is loaded, which every run does.
"""

import os
import warnings

import numpy as np

from ingest_worker.process import Process

with warnings.catch_warnings():
    # what Lightning deprecates: nothing of it is used
    warnings.simplefilter("ignore")
    from ingest_worker.engines import imports as engines

from ingest_worker import ingest
from ingest_worker.audio import decode
from ingest_worker.sources import apart

os.register_at_fork(after_in_child=np.random.seed)  # forks would all draw the same numbers

EVERYTHING = (Process, apart, decode, engines, ingest)
"""What a run begins with."""
