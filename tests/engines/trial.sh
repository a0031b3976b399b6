#!/usr/bin/env bash
# What must work on an engine, tried on the one at DOCKER_HOST. One line for each part; ends with
# 1 when a part failed. What a part printed is shown when it failed.
#
#   tests/engines/trial.sh [PART…]      doctor, scenarios, mutants, leftovers, hands, compose, pytest
#
# TRIAL_RUN and TRIAL_MUTATE: the arguments of `testbed run` and `testbed mutate`.
# shellcheck disable=SC2329  # the parts are called by their names
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PATH=$ROOT/.venv/bin:$PATH
FOLDER=$(mktemp -d -t testbed-trial-XXXXXX)
NAME=trial-$$
trap 'testbed wipe "$NAME" >&2; cd / && rm -rf "$FOLDER"' EXIT
cd "$FOLDER"

left() {
	docker ps --all --quiet --filter label=testbed.lab="$1"
	docker network ls --quiet --filter label=testbed.lab="$1"
}

doctor() { testbed doctor; }
# shellcheck disable=SC2086  # several words
scenarios() { testbed run ${TRIAL_RUN:---repeat 3}; }
# shellcheck disable=SC2086
mutants() { testbed mutate ${TRIAL_MUTATE:-}; }

# Killed in the middle, a run leaves a lab behind, and `wipe` removes all of it.
leftovers() {
	testbed run tcp.reset --repeat 50 >killed.log 2>&1 &
	local run=$! lab='' deadline=$((SECONDS + 90))
	until [ -n "$lab" ] && [ "$(left "$lab" | wc -l)" -ge 8 ]; do # with a probe: it acts
		[ "$SECONDS" -lt "$deadline" ]
		kill -0 "$run"
		sleep 0.1
		lab=$(sed -n 's/^lab \(run-[^ ]*\) is up.*/\1/p' killed.log)
	done
	kill -KILL "$run"
	wait "$run" || true
	[ -n "$(left "$lab")" ]
	testbed wipe
	[ -z "$(left "$lab")" ]
}

# What a person does by hand: up, look, act, cut a cable, take away.
hands() {
	testbed up -d "$NAME"
	testbed ping --name "$NAME"
	testbed exec --name "$NAME" server -- cat /etc/hostname
	testbed logs --name "$NAME" server
	python - "$NAME" <<-END
		import sys
		from testbed import Lab
		with Lab.attach(sys.argv[1]) as lab:
		    cable = lab.cable("client", "lan-a")
		    address = str(lab.topology.node("neighbour").interfaces[0].address.ip)
		    reaches = lambda: lab["client"].run(["ping", "-c", "1", "-W", "5", address]).status == 0
		    assert reaches(), "before"
		    with cable.pulled():
		        assert not reaches(), "with the cable cut"
		    assert reaches(), "healed"
	END
	testbed down "$NAME"
	[ -z "$(left "$NAME")" ]
}

# The shipped file by Compose alone, without this package.
compose() {
	local compose=(docker compose --project-name "$NAME" --file "$ROOT/compose.yaml")
	TESTBED_NET=10.213 "${compose[@]}" up --exit-code-from client
	TESTBED_NET=10.213 "${compose[@]}" down
}

pytest() { command pytest --rootdir "$ROOT" -c "$ROOT/pyproject.toml" -q -p no:cacheprovider "$ROOT/tests/backends" "$ROOT/tests/integration"; }

[ $# -gt 0 ] || set -- doctor scenarios mutants leftovers hands compose pytest
failed=0
for part in "$@"; do
	began=$SECONDS
	set +e # a subshell that is a condition would not end at its first failure
	(
		set -e
		"$part"
	) >"$part.out" 2>&1
	status=$?
	set -e
	[ "$status" -eq 0 ] && verdict=works || verdict=FAILS
	printf '%-10s %s  %4d s  %s\n' "$part" "$verdict" $((SECONDS - began)) "$(grep -aE '(passed|failed|wrong|red|mutants)' "$part.out" | tail -n 1 || true)"
	if [ "$status" -ne 0 ]; then
		failed=1
		tail -n "${TRIAL_LINES:-60}" "$part.out" | sed 's/^/    /'
	fi
done
exit "$failed"
