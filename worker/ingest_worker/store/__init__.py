"""The store: Postgres with pgvector, and the only place that imports psycopg. Nothing here knows an engine or
a file format of media."""
