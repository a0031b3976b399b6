#!/usr/bin/env bash
# The Python environment in .venv: this package, editable, with what its tests need.
# Made by uv where it is there, else by venv and pip. $PYTHON chooses the interpreter.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

VENV=$ROOT/.venv
READY=$VENV/.ready # what it was made from: this place and this pyproject.toml

wanted() { { echo "$ROOT" && cat "$ROOT/pyproject.toml"; } | sha256sum; }

is_ready() {
	[ -e "$READY" ] && [ "$(wanted)" = "$(cat "$READY")" ] && "$VENV/bin/python" -c '' 2>/dev/null
}

is_new_enough() {
	have "$1" && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))'
}

find_python() {
	for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
		is_new_enough "$python" && echo "$python" && return
	done
	return 1
}

# Debian keeps venv, and the pip that it puts into an environment, in a package of their own.
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

make_with_venv() {
	local python
	if ! python=$(find_python) || ! has_venv "$python"; then
		can_install || fail "Python 3.11 or later with venv is not here" \
			"as root: apt-get install python3 python3-venv" "or install uv: https://docs.astral.sh/uv/"
		apt_install python3 python3-venv
		python=$(find_python) || fail "the Python of this system is older than 3.11" \
			"set PYTHON to a later one, or install uv: https://docs.astral.sh/uv/"
	fi
	quietly "$python" -m venv --clear "$VENV" &&
		quietly "$VENV/bin/pip" install --disable-pip-version-check --editable "${ROOT}[test]"
}

make_with_uv() {
	quietly uv venv --clear --python "${PYTHON:->=3.11}" "$VENV" &&
		quietly uv pip install --python "$VENV/bin/python" --editable "${ROOT}[test]"
}

is_ready && exit
say "making the Python environment in .venv"
if have uv; then make=make_with_uv; else make=make_with_venv; fi
$make || {
	show_log
	fail "the Python environment could not be made" "the whole log is $LOG"
}
wanted >"$READY"
