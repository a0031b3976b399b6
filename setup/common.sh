# What the set-up scripts share. Sourced, never run.
# shellcheck shell=bash
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOG=$ROOT/.cache/setup.log
PATH=$PATH:/usr/sbin # where Debian keeps dockerd, and does not look for ordinary users
export DEBIAN_FRONTEND=noninteractive

# Say what is being done, on standard error. What is already done is passed over in silence.
say() { echo "set-up: $*" >&2; }

# End with 3, the exit code for an environment that does not fit: what was seen, then what to do.
fail() {
	echo "set-up: $1" >&2
	shift
	for line in "$@"; do echo "  $line" >&2; done
	exit 3
}

have() { command -v "$1" >/dev/null; }
is_root() { [ "$(id -u)" -eq 0 ]; }
can_install() { is_root && have apt-get; }

# Debian's mirror: the one that TESTBED_MIRROR names, else the one that this machine's apt uses for Debian itself.
mirror() {
	local found=${TESTBED_MIRROR:-}
	if [ -z "$found" ] && have apt-get; then
		# shellcheck disable=SC2016  # the names are apt's
		found=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | grep --max-count=1 '/debian/*$') || true
	fi
	[ -n "$found" ] || fail "no mirror of Debian is known here" "name one: TESTBED_MIRROR=…"
	echo "${found%/}"
}

# Run a command whose output matters only when it fails.
quietly() {
	mkdir -p "$(dirname "$LOG")"
	echo "\$ $*" >>"$LOG"
	"$@" >>"$LOG" 2>&1
}

show_log() { tail -n 25 "$LOG" >&2; }

# Install Debian packages and nothing that they only recommend; never at the price of another.
# The lists may be missing or old: they are fetched when the first attempt fails.
apt_install() {
	say "installing $* with apt"
	local install=(apt-get install --yes --no-install-recommends --no-remove -o DPkg::Lock::Timeout=120)
	quietly "${install[@]}" "$@" && return
	quietly apt-get update && quietly "${install[@]}" "$@" && return
	show_log
	fail "apt could not install $*" "the whole log is $LOG"
}
