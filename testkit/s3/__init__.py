"""A real S3 server for tests, and what breaks the connections to it."""
