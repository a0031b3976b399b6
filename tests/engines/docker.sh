# Docker Engine as Debian ships it, from a folder. Sourced by try.sh.
# shellcheck shell=bash

start_docker() {
	local folder=$CACHE/docker-$1
	unpack "$1" "$folder" docker.io containerd
	mkdir "$WORK/data"
	PATH=$folder/usr/bin:$folder/usr/sbin:$PATH in_namespaces docker \
		dockerd --bridge none --host "unix://$WORK/docker.sock" --data-root "$WORK/data" \
		--exec-root /run/docker --pidfile /run/docker.pid
}
