"""Watches and their caches."""
