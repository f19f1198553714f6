"""Profiles in a cluster: whether what they name is there, and the one status that all their batches share."""
