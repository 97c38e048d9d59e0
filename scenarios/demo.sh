#!/usr/bin/env bash
# The whole story once: start the lab, watch it, kill a zone under load, print
# the verdict. `make demo` builds everything first and calls this.
#
#   scenarios/demo.sh up     start what is not running, run zone-loss, leave it all running
#   scenarios/demo.sh down   end what `up` started, and nothing else
#
# `up` exits like the scenario: 0 pass, 1 fail, 2 configuration, 3 unknown.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly HERE=$PWD/.tocsin
readonly PID_FILE=$HERE/serve.pid SERVE_LOG=$HERE/serve.log LAB_OURS=$HERE/lab-started
readonly CONSOLE=http://127.0.0.1:9464/
readonly STEADY_TRIES=30
export TOCSIN_STATE=$HERE/state

say() { printf 'demo: %s\n' "$*"; }

# serving prints the pid of the Tocsin this script started, if it still lives.
# A pid alone may meanwhile belong to somebody else, so its program is checked.
serving() {
	local pid exe
	[[ -r $PID_FILE ]] && pid=$(<"$PID_FILE") && [[ -n $pid ]] || return 1
	exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || return 1
	# The kernel appends " (deleted)" once the binary has been built anew.
	[[ ${exe% (deleted)} == "$PWD/bin/tocsin-harness" ]] || return 1
	printf '%s\n' "$pid"
}

console_answers() { (exec 3<>/dev/tcp/127.0.0.1/9464) 2>/dev/null; }

start_lab() {
	if bin/lab status >/dev/null 2>&1; then
		say "the lab is running already"
		return
	fi
	say "starting the lab: three zones of real parts"
	# A new lab has new keys. To the probes, which remember those of the last one,
	# that would be a provider that signs with keys it never published before.
	rm -rf "$TOCSIN_STATE/memory"
	: >"$LAB_OURS"
	bin/lab up --detach
}

start_serve() {
	if serving >/dev/null; then
		stop_serve # it runs the binary of the last build
	elif console_answers; then
		say "something else listens on $CONSOLE; end it and run this again" >&2
		return 2
	fi
	say "starting tocsin serve (log: $SERVE_LOG)"
	# A session of its own: Ctrl-C here must not end it.
	setsid bin/tocsin serve >"$SERVE_LOG" 2>&1 </dev/null &
	echo $! >"$PID_FILE"
	local waited
	for ((waited = 0; waited < 100; waited++)); do
		console_answers && return
		kill -0 "$(<"$PID_FILE")" 2>/dev/null || break
		sleep 0.1
	done
	say "tocsin serve did not come up; the end of its log:" >&2
	tail -n 5 "$SERVE_LOG" >&2
	return 3
}

stop_serve() {
	local pid waited
	pid=$(serving) || return 0
	kill -TERM "$pid"
	for ((waited = 0; waited < 100; waited++)); do
		serving >/dev/null || break
		sleep 0.1
	done
	if serving >/dev/null; then
		say "tocsin serve (pid $pid) did not end within 10 s; killing it"
		kill -KILL "$pid"
	fi
	rm -f "$PID_FILE"
}

# approve_first_look makes today's login page the baseline if there is none. A
# page that differs from an approved one is a finding, not a reason to stop.
approve_first_look() {
	local status=0
	bin/tocsin visual check >"$HERE/visual.log" 2>&1 || status=$?
	case $status in
	0) ;;
	3)
		say "no baseline of the login page that this browser can be held to: approving what it shows now"
		bin/tocsin visual approve --reason "what the demo saw first"
		;;
	*) cat "$HERE/visual.log" ;;
	esac
}

await_first_login() {
	local try
	for ((try = 1; try <= STEADY_TRIES; try++)); do
		if bin/tocsin probe run login >"$HERE/probe.log" 2>&1; then
			say "logins succeed"
			return
		fi
		sleep 1
	done
	say "no login succeeded in $STEADY_TRIES tries; the last one:" >&2
	cat "$HERE/probe.log" >&2
	return 1
}

tell_what_runs() {
	local report
	report=$(find "$TOCSIN_STATE/runs" -name '*.html' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d' ' -f2-)
	printf '\n'
	say "console   $CONSOLE"
	say "report    ${report:-none was written}"
	say "go on     export TOCSIN_TARGET=$TOCSIN_TARGET TOCSIN_STATE=$TOCSIN_STATE"
	say "end it    make down"
}

up() {
	mkdir -p "$HERE"
	trap 'say "interrupted; what was started still runs: make down ends it" >&2; exit 130' INT
	start_lab
	TOCSIN_TARGET=$(bin/lab target)
	export TOCSIN_TARGET
	bin/tocsin alerts apply
	start_serve
	await_first_login
	approve_first_look

	local status=0
	bin/tocsin scenario run zone-loss || status=$?
	tell_what_runs
	return "$status"
}

down() {
	stop_serve
	if [[ -e $LAB_OURS ]]; then
		if [[ -x bin/lab ]]; then
			bin/lab down
		fi
		rm -f "$LAB_OURS"
	else
		say "no lab was started by make demo; lab down ends any other"
	fi
}

case ${1:-} in
up) up ;;
down) down ;;
*)
	say "usage: scenarios/demo.sh up|down" >&2
	exit 2
	;;
esac
