#!/bin/sh
# Makes .venv and installs one set of packages into it: demo, test or check. May be run again at any time.
# Needs Python 3.11 or later with venv, and a package index that pip can reach; nothing else.
set -eu

cd "$(dirname "$0")/.."
set_name=${1:?demo, test or check}
venv=.venv

fail() {
    printf 'error: %s\nwhy:   %s\ndo:    %s\n' "$1" "$2" "$3" >&2
    exit 1
}

# A line for people, with a running time on slow steps so that nobody wonders whether it hangs.
step() {
    printf 'setup: %s\n' "$1" >&2
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14 python; do
        if is_new_enough "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
    done
    fail "there is no Python 3.11 or later" \
        "Backstay needs it, and neither python3 nor python3.11 to python3.14 is one" \
        "install it (Debian, Ubuntu: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python3"
}

if ! [ -x "$venv/bin/python" ] || ! is_new_enough "$venv/bin/python"; then
    python=$(find_python)
    step "making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv" >"${TMPDIR:-/tmp}/backstay-venv.$$" 2>&1 || {
        tail -3 "${TMPDIR:-/tmp}/backstay-venv.$$" >&2
        rm -f "${TMPDIR:-/tmp}/backstay-venv.$$"
        fail "cannot make a virtual environment in $venv" \
            "$python -m venv failed; the lines above are its own" \
            "install the venv module (Debian, Ubuntu: apt install python3-venv) and try again"
    }
    rm -f "${TMPDIR:-/tmp}/backstay-venv.$$"
fi

pip() {
    "$venv/bin/python" -m pip -qq --disable-pip-version-check --no-input "$@" || fail \
        "cannot install the packages" \
        "pip failed; the lines above are its own" \
        "check that this machine reaches its package index, then run the same command again"
}

# Dependency groups need pip 25.1; Python 3.11 comes with 23.2.
if ! "$venv/bin/python" -c 'import pip, sys; sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) < (25, 1))'; then
    step "bringing pip up to date"
    pip install --upgrade 'pip>=25.1'
fi

case $set_name in
    demo)
        step "installing Backstay (about half a minute)"
        pip install --constraint constraints.txt --editable '.[demo]' ;;
    test)
        step "installing Backstay and what its tests need (about a minute)"
        pip install --constraint constraints.txt --editable '.[demo]' --group test ;;
    check)
        step "installing what lint and types need (about a minute)"
        pip install --constraint constraints.txt --group check ;;
    *)
        fail "'$set_name' is no set of packages" "there are demo, test and check" "sh scripts/setup.sh test" ;;
esac
touch "$venv/.$set_name"
step "ready"
