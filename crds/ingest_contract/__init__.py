"""The contract: what the operator, the worker and the command line share.

Everything here is a frozen value or a pure function. It may import the standard library and pydantic (and
PyYAML where files are read or written), and nothing else of the project, so that either side can be read,
tested and replaced alone.
"""
