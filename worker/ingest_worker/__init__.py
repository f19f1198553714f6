"""The worker: one process, one recording, one Receipt.
When it ends, all of its memory is freed, on the GPU too."""
