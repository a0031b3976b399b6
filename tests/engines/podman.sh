# Podman's Docker-compatible socket, from a Debian of its own in a folder. Sourced by try.sh.
# shellcheck shell=bash

start_podman() {
	local folder=$CACHE/podman-$1
	if [ ! -e "$folder/.complete" ]; then
		say "making a Debian $1 with podman"
		rm -rf "$folder"
		mmdebstrap --quiet --variant=apt --format=directory --keyring="$KEYRING" \
			--include=podman,netavark,aardvark-dns,crun,catatonit,iptables,nftables,iproute2 "$1" "$folder" "$MIRROR"
		touch "$folder/.complete"
	fi
	mkdir "$WORK/storage"
	cat >"$WORK/containers.conf" <<-END # as where no systemd runs
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		[network]
		network_backend = "netavark"
		[containers]
		log_driver = "k8s-file"
	END
	TESTBED_SYSTEM=$folder in_namespaces podman podman system service --time 0 "unix://$WORK/docker.sock"
}
