"""`python -m ingest_contract`: write every generated file below the current folder, or with `--check` say
which ones have drifted."""

import sys

from ingest_contract.drift import written_or_checked
from ingest_contract.generated import files

if __name__ == "__main__":
    sys.exit(written_or_checked("python -m ingest_contract", __doc__, files()))
