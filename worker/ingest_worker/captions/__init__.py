"""Captions in place of heard words: which are chosen, how a foreign file is read behind walls, what is left
of it, and whether it fits the sound."""
