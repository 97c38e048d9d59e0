#!/usr/bin/env bash
# Installs the packages that package-lock.json pins, in this folder or the one that
# is named, unless they are there, and says what is missing on machines that cannot
# run them.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")}"

oldest=20

for program in node npm; do
	if ! command -v "$program" >/dev/null; then
		echo "test-interop needs Node.js $oldest or later with npm: $program is missing" >&2
		exit 1
	fi
done
version=$(node --version)
major=${version#v}
if ((${major%%.*} < oldest)); then
	echo "test-interop needs Node.js $oldest or later: this is $version" >&2
	exit 1
fi
if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
	npm ci --no-audit --no-fund --ignore-scripts
	touch node_modules/.package-lock.json
fi
