"""The GPU as seen from outside the engines: which one, how much memory is free, how busy; and what may be on it together."""
