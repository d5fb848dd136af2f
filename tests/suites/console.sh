#!/usr/bin/env bash
# The console page in Debian's real Chromium, headless, against a real node.
set -euo pipefail
cd tests/console
if [ ! -x /usr/bin/chromium ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null
fi
npm ci --no-audit --no-fund --silent
exec node --test --test-concurrency=1 console.test.mjs
