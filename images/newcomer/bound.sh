#!/bin/sh
# What udhcpc calls when something has become of its asking: $1 says what, the environment holds what was given.
# Nothing but the address and the gateway is taken.
set -eu
[ "$1" = bound ] || exit 0
ip address replace "$ip/$mask" broadcast + dev "$interface"
[ -z "${router:-}" ] || ip route replace default via "${router%% *}" dev "$interface"
