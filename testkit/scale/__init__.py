"""Batches of many recordings, and the operator as a measured process."""
