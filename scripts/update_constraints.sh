#!/usr/bin/env bash
# Resolves pyproject.toml anew in an empty environment and writes constraints.txt: exact versions, no addresses.
set -euo pipefail
cd "$(dirname "$0")/.."

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"${PYTHON:-python3}" -m venv "$place/env"
pip=("$place/env/bin/python" -m pip --quiet --disable-pip-version-check)
"${pip[@]}" install --upgrade 'pip>=25.1'
"${pip[@]}" install --editable '.[demo]' --group dev
{
    echo "# Exact versions of everything that demo, tests, lint and types install; pyproject.toml has the ranges."
    echo "# Written by scripts/update_constraints.sh."
    "$place/env/bin/python" -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+$'
} >constraints.txt
