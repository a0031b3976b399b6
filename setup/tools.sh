#!/usr/bin/env bash
# Programs that only the tests use: tshark, whose reading of a frame ours is held against, nft, which
# is asked whether it takes our rules, and Chromium, in which the HTML report is looked at.
# Without them, the tests that need them are skipped and say so.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

declare -A PACKAGES=([tshark]=tshark [nft]=nftables [chromium]=chromium)

for program in "${!PACKAGES[@]}"; do
	have "$program" && continue
	if can_install; then
		apt_install "${PACKAGES[$program]}"
	else
		say "$program is not here: what needs it is skipped (as root: apt-get install ${PACKAGES[$program]})"
	fi
done
