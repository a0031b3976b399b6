#!/usr/bin/env bash
# The images of the lab: built where they are missing, or made from other files than are here now.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

BASE=testbed/base:trixie
TAG=1 # the same as in compose.yaml
REGISTRY_SECONDS=10 # so long we wait for the registry's first word
LABEL=testbed.content

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# Pull, but give up on a registry that has not answered in time: without a network the engine
# would try for minutes. Its first line of output says that the registry has answered.
pull() {
	local output deadline=$((SECONDS + REGISTRY_SECONDS)) pid
	output=$(mktemp)
	docker pull "$1" >"$output" 2>>"$LOG" &
	pid=$!
	until [ -s "$output" ] || ! kill -0 "$pid" 2>/dev/null; do
		[ "$SECONDS" -lt "$deadline" ] || kill "$pid"
		sleep 0.1
	done
	rm "$output"
	wait "$pid"
}

# The same system from Debian's packages, without a registry.
bootstrap() {
	if ! have mmdebstrap; then
		can_install || fail "no registry can be reached, and mmdebstrap is not here" \
			"as root: apt-get install mmdebstrap" "or, where a registry is in reach: docker pull debian:trixie-slim"
		apt_install mmdebstrap
	fi
	local tar from
	from=$(mirror)
	tar=$(mktemp)
	quietly mmdebstrap --quiet --variant=apt --format=tar \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-include=/usr/share/doc/*/copyright' \
		trixie "$tar" "$from" && quietly docker import "$tar" "$BASE"
	local status=$?
	rm "$tar"
	return "$status"
}

make_base() {
	has_image "$BASE" && return
	say "pulling debian:trixie-slim"
	if pull debian:trixie-slim; then
		docker tag debian:trixie-slim "$BASE"
		return
	fi
	say "no registry answers: building $BASE from Debian's packages with mmdebstrap"
	bootstrap || {
		show_log
		fail "the base image could not be built" "the whole log is $LOG"
	}
}

# What an image is made from, as one number: the names, modes and contents of its files.
content() {
	local find=(find . -name __pycache__ -prune -o -type f)
	(cd "$ROOT/images/$1" && {
		"${find[@]}" -printf '%m %p\n' | sort
		"${find[@]}" -exec sha256sum {} + | sort
	}) | sha256sum | cut -c 1-16
}

build() {
	local role=$1 image=testbed/$1:$TAG old
	old=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null) || old=''
	make_base
	say "building $image"
	quietly docker build --build-arg "BASE=$BASE" --label "$LABEL=$(content "$role")" \
		--tag "$image" "$ROOT/images/$role" || {
		show_log
		fail "$image could not be built" "the whole log is $LOG"
	}
	# The image that it replaces goes, unless a container still runs from it.
	[ -z "$old" ] || quietly docker image rm "$old" || true
}

[ "${BASH_SOURCE[0]}" = "$0" ] || return 0 # sourced: whoever does wants the functions
mkdir -p "$(dirname "$LOG")"
for role in host router probe; do
	there=$(docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "testbed/$role:$TAG" 2>/dev/null) || there=''
	[ "$there" = "$(content "$role")" ] || build "$role"
done
