#!/usr/bin/env bash
# Installs a wheel into an empty environment outside the checkout, starts the demo from it with an empty HOME, asks it
# one request, stops it with SIGTERM and wants exit code 0.
set -euo pipefail

wheel=$(realpath "${1:?the wheel to try}")
constraints=$(realpath "$(dirname "$0")/../constraints.txt")
place=$(mktemp -d)
demo=
trap '[ -z "$demo" ] || kill -KILL "$demo" 2>/dev/null || true; rm -rf "$place"' EXIT
cd "$place"
mkdir home

python=${PYTHON:-$(dirname "$constraints")/.venv/bin/python}
"$python" -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check --constraint "$constraints" "$wheel[demo]"

port=$(env/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
HOME=$place/home env/bin/backstay demo --data "$place/data" --http "127.0.0.1:$port" &
demo=$!

# One request to each of the two collections; the server gets a minute to load its data and answer.
env/bin/python - "$port" <<'PYTHON'
import json
import sys
import time
import urllib.request

base = f"http://127.0.0.1:{sys.argv[1]}/api/collections"
deadline_s = time.monotonic() + 60
while True:
    try:
        with urllib.request.urlopen(f"{base}/cities/records?perPage=1&sort=-population&expand=country") as answer:
            page = json.load(answer)
        break
    except OSError:
        if time.monotonic() > deadline_s:
            raise
        time.sleep(0.1)
city = page["items"][0]
assert page["totalItems"] > 25_000, page["totalItems"]
assert city["expand"]["country"]["name"], city
print(f"the demo serves {page['totalItems']} cities; the largest is {city['name']}, {city['expand']['country']['name']}")
PYTHON

kill -TERM "$demo"
code=0
wait "$demo" || code=$?
demo=
if [ "$code" -ne 0 ]; then
    echo "error: the demo ended with exit code $code after SIGTERM" >&2
    exit 1
fi
echo "the demo stopped with exit code 0"
