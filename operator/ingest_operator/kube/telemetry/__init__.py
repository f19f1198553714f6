"""Metrics, Events, health and logs."""
