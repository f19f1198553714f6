"""Decoded audio between the run that fetches it and the run that ingests it: in a folder or in an object
store."""
