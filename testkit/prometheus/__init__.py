"""Prometheus' own query engine, for the expressions of alerts and of the dashboard."""
