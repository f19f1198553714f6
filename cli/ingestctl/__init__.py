"""The command line: runs batches on this machine, and reads what any machine has stored. The only package
that may import all the others."""
