#!/usr/bin/env bash
# Try the testbed on another engine than the machine's own, and leave nothing behind.
#
#   tests/engines/try.sh WAY RELEASE [COMMAND…]
#
# WAY: docker, remote (the same by TCP), rootless or podman. RELEASE of Debian whose packages it is: bookworm, trixie, forky, sid.
# COMMAND: what is run with DOCKER_HOST set to the engine; without one: trial.sh.
# TESTBED_CLIENT_OF=forky: take the docker command and Compose of that release, too.
#
# Needs root, Debian, and an engine that has the images (`make setup`): they are copied from it.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
	docker | remote) file=docker.sh ;;
	rootless | podman) file=$1.sh ;;
	*) fail "usage: tests/engines/try.sh docker|remote|rootless|podman RELEASE [COMMAND…]" ;;
esac
[ "$(id -u)" -eq 0 ] || fail "an engine of one's own needs root"
way=$1 release=${2:?the Debian release}
shift 2
[ $# -gt 0 ] || set -- "$HERE/trial.sh"
# shellcheck source=/dev/null
source "$HERE/$file"

WORK=$(mktemp -d -t testbed-engine-XXXXXX)
ENGINE='' # the process that the engine lives and dies with
REMOTE='' # where it listens in its own network namespace

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
if [ -n "$REMOTE" ]; then
	DOCKER_HOST=$REMOTE nsenter --net --target "$(pgrep --parent "$ENGINE")" "$@"
else
	"$@"
fi
