"""What tests, benchmarks, the demo and the scripts share: speech with known words and turns, media files,
pinned models, a control plane, a real node, and values to begin with.

A tool of the house, never part of what is installed: nothing in `crds/`, `operator/`, `worker/` or `cli/` may
import it. It imports neither tests nor benchmarks nor the demo (`tests/house/test_folders.py`). What it makes
is kept in the cache; docs/attribution.md says whose it is.
"""
