#!/bin/sh
# Make this container a router: take the gateway addresses, then stay.
#
#   ROUTER_ADDRESSES   the addresses to take, as in "172.16.10.1/24 172.16.20.1/24".
#                      Each replaces Docker's own on the interface in the same subnet: the order
#                      of interfaces is not fixed, so they are found by what they are attached to.
#   ROUTER_ROUTES      routes to add, as in "172.16.30.0/24 via 172.16.20.2, 10.0.0.0/8 via …".
#
# Needs NET_ADMIN. Docker's own default route goes: its gateway is an address of ours.
set -eu

fail() {
	echo "router: $*" >&2
	echo "router: interfaces here: $(interfaces)" >&2
	exit 1
}

# "eth0 172.16.10.2/24, eth1 172.16.20.2/24"
interfaces() {
	ip -oneline -4 address show scope global |
		while read -r _ interface _ address _; do printf '%s %s, ' "$interface" "$address"; done |
		sed 's/, $//'
}

# The interface whose subnet holds an address: the kernel made a route to each subnet when Docker
# gave the interface its address.
interface_towards() {
	route=$(ip -oneline -4 route show scope link proto kernel match "$1") || return
	echo "$route" | sed -n 's/.* dev \([^ ]*\) .*/\1/p'
}

take_address() {
	interface=$(interface_towards "${1%/*}") || fail "$1 is not an address"
	[ -n "$interface" ] || fail "no interface is in the subnet of $1"
	ip -4 address flush dev "$interface" scope global
	ip -4 address add "$1" broadcast + dev "$interface" || fail "$1 cannot be set on $interface"
	taken="${taken:+$taken, }$1 on $interface"
}

add_routes() {
	echo "$1" | tr ',' '\n' | while read -r route; do
		[ -n "$route" ] || continue
		# shellcheck disable=SC2086  # a route is several words
		ip -4 route add $route || fail "route cannot be added: $route"
	done
}

trap 'exit 0' TERM INT
[ -n "${ROUTER_ADDRESSES:-}" ] || fail "ROUTER_ADDRESSES is empty"
taken=''
for address in $ROUTER_ADDRESSES; do take_address "$address"; done
ip -4 route flush exact default
add_routes "${ROUTER_ROUTES:-}"
echo "router: took $taken${ROUTER_ROUTES:+; routes: $ROUTER_ROUTES}"

sleep infinity &
wait
