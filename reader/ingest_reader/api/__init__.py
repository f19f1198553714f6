"""The JSON API, version 1: what programs read."""
