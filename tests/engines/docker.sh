# Docker Engine as Debian ships it, from a folder. Sourced by try.sh.
# shellcheck shell=bash

start_docker() {
	local folder=$CACHE/docker-$1
	unpack "$1" "$folder" docker.io containerd
	shift
	mkdir "$WORK/data"
	PATH=$folder/usr/bin:$folder/usr/sbin:$PATH in_namespaces docker \
		dockerd --bridge none --host "unix://$WORK/docker.sock" --data-root "$WORK/data" \
		--exec-root /run/docker --pidfile /run/docker.pid "$@"
}

# The same, spoken to over TCP, which only its own network namespace hears.
start_remote() {
	start_docker "$1" --host "tcp://127.0.0.1:2375" --tls=false
	# shellcheck disable=SC2034  # read by try.sh
	REMOTE=tcp://127.0.0.1:2375
}
