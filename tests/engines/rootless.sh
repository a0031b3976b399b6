# A rootless Docker Engine, by Debian's own packages from a folder. Sourced by try.sh.
# shellcheck shell=bash

start_rootless() {
	local folder=$CACHE/docker-$1 tools user=64711 VERSION_CODENAME
	# shellcheck source=/dev/null
	source /etc/os-release
	tools=$CACHE/rootless-$VERSION_CODENAME # the machine's own: they are bound to its C library
	unpack "$1" "$folder" docker.io containerd
	unpack "$VERSION_CODENAME" "$tools" rootlesskit slirp4netns uidmap libslirp0
	chmod 755 "$WORK"
	mkdir "$WORK/etc"
	install --directory --owner "$user" --group "$user" "$WORK/home"
	{ cat /etc/passwd && echo "rootless:x:$user:$user::$WORK/home:/bin/sh"; } >"$WORK/etc/passwd"
	{ cat /etc/group && echo "rootless:x:$user:"; } >"$WORK/etc/group"
	echo "rootless:1000000:65536" | tee "$WORK/etc/subuid" >"$WORK/etc/subgid"
	export DOCKER_HOST=unix://$WORK/home/docker.sock
	PATH=$folder/usr/bin:$folder/usr/sbin:$folder/usr/share/docker.io/contrib:$tools/usr/bin:$PATH \
		LD_LIBRARY_PATH=$tools/usr/lib/$(uname -m)-linux-gnu TESTBED_USER=$user in_namespaces rootless \
		setpriv --reuid "$user" --regid "$user" --clear-groups \
		dockerd-rootless.sh --bridge none --host "$DOCKER_HOST"
}
