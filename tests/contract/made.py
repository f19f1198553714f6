"""What the contract generates, made once for all tests of it:
a set of definitions takes a quarter of a second."""

from ingest_contract.crd import definitions
from ingest_contract.generated import files

CRDS = definitions()
FILES = files()
