"""Turns untrusted media into trusted audio:
the only place that knows PyAV, and only in a child process with limits."""
