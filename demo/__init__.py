"""What `make demo` and the accuracy tests stand on: pinned models, speech with known words and turns, media
files and a server for them.

A tool of the house, never part of what is installed: nothing in `crds/`, `operator/`, `worker/` or `cli/` may
import it.
"""
