#!/usr/bin/env bash
# The alert rules of docs/operations with Debian's real promtool: each rule fires where it should, and not elsewhere.
set -euo pipefail
if ! command -v promtool >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends prometheus >/dev/null
fi
rules=docs/operations/prometheus-alerts.yaml
promtool check rules --lint=all --lint-fatal "$rules"
promtool test rules tests/prometheus/alerts.yaml
# A rule without a case is a rule that nobody saw fire.
for alert in $(sed -n 's/^ *- alert: //p' "$rules"); do
    grep -q "alertname: $alert\b" tests/prometheus/alerts.yaml || { echo "tests/prometheus/alerts.yaml has no case for $alert" >&2; exit 1; }
done
