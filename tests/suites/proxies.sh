#!/usr/bin/env bash
# The proxy configurations of docs/operations with Debian's real nginx and HAProxy: TLS, streams, tenants on their
# nodes, and a node that is killed.
set -euo pipefail
cd tests/proxies
if ! command -v nginx >/dev/null || ! command -v haproxy >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends nginx-light haproxy openssl >/dev/null
fi
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt ../../sdk/python
exec .venv/bin/python -m pytest -q -p no:cacheprovider test_proxies.py
