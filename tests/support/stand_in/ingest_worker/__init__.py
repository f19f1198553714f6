"""A worker for tests of the backends: it ends in whatever way its item's title asks for, by the same protocol
as the real one."""
