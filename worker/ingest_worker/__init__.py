"""The worker: one process, one recording, one Receipt. When it ends, every byte of its memory is back, on the
GPU too."""
