"""The API server: client, names, refusals."""
