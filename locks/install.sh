#!/bin/sh
# Install what a lock names, and nothing else, into the image's environment: `install.sh LOCK`. Run by the Dockerfiles.
# uv comes from its own lock and goes again; it takes no package that it would have to build. Bytecode is compiled here for good, because
# the file system will be read-only. The system's certificates count, so that a mirror of one's own can be used.
set -eu
export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt UV_LINK_MODE=copy UV_HTTP_TIMEOUT=300
export UV_NO_CACHE="${UV_NO_CACHE:-1}" UV_CACHE_DIR=/var/cache/uv
tools=$(mktemp -d)
python3 -m venv "$tools/pip"
"$tools/pip/bin/pip" install --quiet --no-cache-dir --cert "$SSL_CERT_FILE" --require-hashes --target "$tools/uv" -r "$(dirname "$0")/uv.txt"
"$tools/uv/bin/uv" pip install --python /opt/venv/bin/python --require-hashes --no-build -r "$1"
rm -rf "$tools"
# Only what a layer below has not compiled yet, so that this layer holds what is new. The Kubernetes client that is not the asyncio one is
# imported by nobody, and its bytecode would be a quarter of the operator's image.
/opt/venv/bin/python -m compileall -q -j 0 -x 'kubernetes/(client|test|e2e_test)/' /opt/venv/lib
