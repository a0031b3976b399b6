#!/usr/bin/env bash
# A Docker engine that answers, and Compose.
#
# What answers is used as it is, whoever's it is: no setting of it is changed. Only where none
# answers, and we are root on Debian, one is installed from Debian's own packages, or started.
# With DOCKER_HOST set, that engine is meant and no other.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

OLDEST_ENGINE=20.10
OLDEST_COMPOSE=2.24
ANSWER_SECONDS=10 # an engine behind a dead address would keep us waiting for minutes
START_SECONDS=60
SOCKET=/var/run/docker.sock
ENGINE_LOG=/var/log/docker.log
DOCKERD='' # its process id, where no service manager looks after it

# False where somebody's engine has a socket and this user lacks the right to it.
may_ask() { [ ! -S "$SOCKET" ] || [ -w "$SOCKET" ]; }
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort --version-sort | head -n 1)" = "$1" ]; }
engine() { timeout "$ANSWER_SECONDS" docker version --format '{{.Server.Version}}' 2>/dev/null; }
compose() { docker compose version --short 2>/dev/null; }
compose_fits() { local version && version=$(compose) && at_least "$OLDEST_COMPOSE" "${version#v}"; }
engine_fits() { local version && version=$(engine) && at_least "$OLDEST_ENGINE" "$version"; }

# Debian 12's engine is too old for its Compose and has none in version 2. Take four packages of
# Debian 13, and see to it that nothing else ever follows: 50 is below what is installed.
use_next_release() {
	cat >/etc/apt/sources.list.d/testbed-docker.sources <<-END
		Types: deb
		URIs: $(mirror)
		Suites: trixie
		Components: main
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	END
	cat >/etc/apt/preferences.d/testbed-docker <<-END
		Package: *
		Pin: release n=trixie
		Pin-Priority: 50

		Package: docker.io docker-cli docker-compose docker-buildx
		Pin: release n=trixie
		Pin-Priority: 990
	END
	quietly apt-get update || {
		show_log
		fail "apt-get update failed" "the whole log is $LOG"
	}
}

install() {
	local by_hand="install Docker Engine and Compose: https://docs.docker.com/engine/install/"
	is_root || fail "$1, and only root can install one" "as root: make engine" "or: $by_hand" \
		"or use another machine's: export DOCKER_HOST=ssh://user@machine"
	local ID='' VERSION_ID=''
	# shellcheck source=/dev/null
	source /etc/os-release
	[ "$ID" = debian ] || fail "$1, and this is not Debian" "$by_hand"
	case $VERSION_ID in
		[1-9] | 10 | 11) fail "$1, and Debian $VERSION_ID has none that fits" "$by_hand" ;;
		12) use_next_release ;;
	esac
	apt_install docker.io docker-cli docker-compose docker-buildx iptables ca-certificates
}

start() {
	is_root || fail "Docker is installed, but no engine runs" "as root: make engine"
	say "starting the engine"
	if [ -d /run/systemd/system ]; then
		quietly systemctl start docker && return
	elif [ -x /etc/init.d/docker ]; then
		quietly service docker start && return
	fi
	say "no service manager could start it: running dockerd, logging to $ENGINE_LOG"
	setsid dockerd >>"$ENGINE_LOG" 2>&1 </dev/null &
	DOCKERD=$!
}

await() {
	local deadline=$((SECONDS + START_SECONDS))
	until engine >/dev/null; do
		[ "$SECONDS" -lt "$deadline" ] || not_started "does not answer after $START_SECONDS s"
		[ -z "$DOCKERD" ] || kill -0 "$DOCKERD" 2>/dev/null || not_started "has ended"
		sleep 0.2
	done
}

not_started() {
	if [ -d /run/systemd/system ]; then
		journalctl --unit docker --lines 10 >&2
	else
		tail -n 10 "$ENGINE_LOG" >&2
	fi
	fail "the engine was started and $1" "the end of its log is above"
}

if [ -n "${DOCKER_HOST:-}" ]; then
	have docker || fail "DOCKER_HOST is set, but there is no docker client" "as root: apt-get install docker-cli"
	engine >/dev/null || fail "no engine answers at DOCKER_HOST=$DOCKER_HOST" "start it there, or: unset DOCKER_HOST"
	compose_fits || fail "docker compose is missing or older than $OLDEST_COMPOSE" \
		"install the plugin: https://docs.docker.com/compose/install/"
elif ! engine >/dev/null; then
	may_ask || fail "an engine listens at $SOCKET, but $(whoami) may not use it" \
		"as root: usermod --append --groups docker $(whoami), then log in again"
	if ! have dockerd || ! compose_fits; then install "no Docker engine answers"; fi
	engine >/dev/null || start
	await
elif ! compose_fits; then
	install "docker compose is missing or older than $OLDEST_COMPOSE"
fi
engine_fits || fail "the engine is $(engine): older than $OLDEST_ENGINE" "upgrade it"
compose_fits || fail "docker compose is $(compose || echo missing): $OLDEST_COMPOSE or later is needed"
