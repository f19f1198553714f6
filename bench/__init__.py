"""Benchmarks: each a ratio or a share measured in one run, with the machine, the input and the statistic
beside it."""
