# What the ways to start another engine share. Sourced, never run.
# shellcheck shell=bash
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
CACHE=${TESTBED_ENGINES:-$ROOT/.cache/engines} # packages, unpacked; kept from one trial to the next
MIRROR=$(bash -c 'source "$1" && mirror' - "$ROOT/setup/common.sh")
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
START_SECONDS=60
mkdir -p "$CACHE"
IMAGES="testbed/host:1 testbed/router:1 testbed/probe:1"
PATH=$PATH:/usr/sbin

say() { echo "engines: $*" >&2; }
fail() {
	say "$*"
	exit 3
}

# Run apt with lists, sources and cache of its own: the machine's are neither used nor changed.
apt_of() {
	local suite=$1 state=$CACHE/apt-$1
	shift
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
	echo "deb [signed-by=$KEYRING] $MIRROR $suite main" >"$state/sources.list"
	cat >"$state/apt.conf" <<-END
		Dir::State::lists "$state/lists";
		Dir::Cache "$state/cache";
		Dir::Etc::sourcelist "$state/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Sandbox::User "";
	END
	APT_CONFIG=$state/apt.conf "$@"
}

# Unpack packages of a Debian release into a folder, without installing them.
unpack() {
	local suite=$1 folder=$2 archives
	shift 2
	[ -e "$folder/.complete" ] && return
	say "unpacking $* of Debian $suite"
	rm -rf "$folder"
	archives=$folder.debs
	mkdir -p "$folder" "$archives"
	apt_of "$suite" apt-get -qq update
	(cd "$archives" && apt_of "$suite" apt-get -qq download "${@/%//$suite}")
	for archive in "$archives"/*.deb; do dpkg-deb --extract "$archive" "$folder"; done
	rm -r "$archives"
	touch "$folder/.complete"
}

# Take the docker command and Compose of a Debian release instead of the machine's.
use_client() {
	local folder=$CACHE/client-$1 plugins=/usr/libexec/docker/cli-plugins
	unpack "$1" "$folder" docker-cli docker-compose docker-buildx
	export PATH=$folder/usr/bin:$PATH DOCKER_CONFIG=$WORK/config
	mkdir -p "$DOCKER_CONFIG/cli-plugins"
	ln -s "$folder$plugins"/* "$DOCKER_CONFIG/cli-plugins/"
}

# Start an engine in namespaces of its own; set ENGINE, the process that it lives and dies with.
#
# Network: its bridges, routes and iptables rules never meet those of the machine's own engine.
# Processes: all of it ends when ENGINE does, by whatever death. Mounts: its /run is its own.
# (Not by `ip netns exec`: that would mount another /sys, without the control groups.)
in_namespaces() {
	local way=$1
	shift
	unshare --net --mount --pid --fork --kill-child --mount-proc \
		"$HERE/inside.sh" "$way" "$WORK" "$@" >"$WORK/log" 2>&1 &
	ENGINE=$!
}

# The first process of the namespaces passes TERM on; unshare itself does not heed it.
stop_engine() {
	local first
	first=$(pgrep --parent "$ENGINE") && kill -TERM "$first"
	timeout 20 tail --pid="$ENGINE" --follow /dev/null || kill -KILL "$ENGINE"
	wait "$ENGINE" || true
}

# Wait until the engine answers at DOCKER_HOST.
await_engine() {
	local deadline=$((SECONDS + START_SECONDS))
	until docker version >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || fail "no engine answers at $DOCKER_HOST after $START_SECONDS s"
		kill -0 "$ENGINE" 2>/dev/null || fail "the engine has ended: $(tail -n 5 "$WORK/log")"
		sleep 0.2
	done
}

# Give the engine the images that the machine's own engine has.
copy_images() {
	say "copying the lab's images"
	# shellcheck disable=SC2086  # several names
	env -u DOCKER_HOST docker save $IMAGES | docker load --quiet >&2
}
