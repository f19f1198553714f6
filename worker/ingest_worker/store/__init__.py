"""The store: Postgres with pgvector, and the only package that imports psycopg. It knows no engine and no
media format."""
