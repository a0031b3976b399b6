#!/usr/bin/env bash
# The first process of an engine's own namespaces: makes them fit, then starts the engine and
# passes TERM on to it. Everything in the namespaces ends with this process.
#
#   inside.sh WAY WORK COMMAND…      started by the WAY's own file, never by hand
set -euo pipefail
way=$1 WORK=$2
shift 2

prepare_docker() {
	mount -t tmpfs tmpfs /run # the machine's own engine must not be found there
}

# An ordinary user who exists in here only, with subordinate numbers of its own, and the tun device
# as udev has it on a real machine: every user may open it.
prepare_rootless() {
	local file
	mount -t tmpfs tmpfs /run
	for file in passwd group subuid subgid; do mount --bind "$WORK/etc/$file" "/etc/$file"; done
	install --directory --owner "$TESTBED_USER" --mode 700 "/run/user/$TESTBED_USER"
	mkdir "$WORK/dev"
	mount -t tmpfs -o dev tmpfs "$WORK/dev"
	mknod --mode 666 "$WORK/dev/tun" c 10 200
	mount --bind "$WORK/dev/tun" /dev/net/tun
	export HOME=$WORK/home XDG_RUNTIME_DIR=/run/user/$TESTBED_USER
}

# Another Debian as the root of the file system, in which podman is installed.
prepare_podman() {
	mount --bind "$TESTBED_SYSTEM" "$TESTBED_SYSTEM"
	cd "$TESTBED_SYSTEM"
	mount -t proc proc proc
	mount --rbind /sys sys
	mount --rbind /dev dev
	mount -t tmpfs tmpfs run
	mount -t tmpfs tmpfs tmp
	mkdir -p "./$WORK" etc/containers var/lib/containers
	mount --bind "$WORK" "./$WORK"
	mount --bind "$WORK/storage" var/lib/containers
	cp "$WORK/containers.conf" etc/containers/
	# As where no Docker Engine has ever run: bridged frames do not pass through iptables.
	echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables
	pivot_root . mnt
}

# Podman leaves health checks to timers of systemd, which does not run here.
check_health() {
	local container
	while sleep 1; do
		for container in $(podman ps --quiet --filter health=starting); do
			podman healthcheck run "$container" || true
		done
	done
}

"prepare_$way"
ip link set dev lo up
"$@" &
engine=$!
[ "$way" != podman ] || check_health >/dev/null 2>&1 &
trap 'kill -TERM "$engine"' TERM
while kill -0 "$engine" 2>/dev/null; do wait "$engine" || true; done
