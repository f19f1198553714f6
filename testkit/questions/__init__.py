"""A small corpus with questions whose answers are known, for benchmarks and tests of search."""
