#!/usr/bin/env bash
# Try the testbed on another engine than the machine's own, and leave nothing behind.
#
#   tests/engines/try.sh WAY RELEASE [COMMAND…]
#
# WAY: docker, rootless or podman. RELEASE of Debian whose packages it is: bookworm, trixie, forky, sid.
# COMMAND: what is run with DOCKER_HOST set to the engine; without one: trial.sh.
# TESTBED_CLIENT_OF=forky: take the docker command and Compose of that release, too.
#
# Needs root, Debian, and an engine that has the images (`make setup`): they are copied from it.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
	docker | rootless | podman) ;;
	*) fail "usage: tests/engines/try.sh docker|rootless|podman RELEASE [COMMAND…]" ;;
esac
[ "$(id -u)" -eq 0 ] || fail "an engine of one's own needs root"
way=$1 release=${2:?the Debian release}
shift 2
[ $# -gt 0 ] || set -- "$HERE/trial.sh"
# shellcheck source=/dev/null
source "$HERE/$way.sh"

WORK=$(mktemp -d -t testbed-engine-XXXXXX)
ENGINE=

stop() {
	[ -z "$ENGINE" ] || stop_engine
	rm -rf "$WORK"
}
trap stop EXIT

[ -z "${TESTBED_CLIENT_OF:-}" ] || use_client "$TESTBED_CLIENT_OF"
export DOCKER_HOST=unix://$WORK/docker.sock
"start_$way" "$release"
await_engine
copy_images
say "$(docker version --format 'Engine {{.Server.Version}}'), Compose $(docker compose version --short)"
"$@"
