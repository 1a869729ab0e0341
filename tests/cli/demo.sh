#!/bin/sh
# The demo's proof holds, its proof can fail, and it leaves nothing behind.
. "$top_srcdir/tests/lint/lib.sh"
. "$top_srcdir/tests/cli/lib.sh"
make_scratch

# folder: where the demo that wrote $scratch/out keeps everything.
folder() {
	sed -n 's/^1\. .* in \(\/.*\) \.\.\. .*/\1/p' "$scratch/out"
}

leaves_nothing() {
	[ -n "$(folder)" ] || complain "names no folder"
	[ ! -e "$(folder)" ] || complain "leaves $(folder) behind"
}

# begin ARG...: starts a long demo in the background, and waits until it is at work.
begin() {
	: >"$scratch/out" # what an earlier one wrote is not taken for this one's
	# shellcheck disable=SC2086
	"$sqlassist" demo --sales 100000 "$@" >"$scratch/out" 2>"$scratch/err" &
	background=$!
	tries=0
	until grep -q '^3\.' "$scratch/out" && grep -q 'kills' "$scratch/out"; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] && kill -0 $background 2>/dev/null || {
			complain "does not begin"
			cat "$scratch/out" "$scratch/err"
			return 1
		}
		sleep 0.1
	done
}

is_gone() { # PID
	tries=0
	while kill -0 "$1" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return 1
		sleep 0.1
	done
}

run 2 demo --sales 0
run 2 demo --sales 20x
run 2 demo --no-such-option
run 2 demo too many words
run 0 demo --help
tells 'Usage: sqlassist demo'

has_engine() {
	case ${ENGINE_CPPFLAGS-} in
	*"$1"*) ;;
	*)	return 1 ;;
	esac
}

# proves ARG...: the proof holds.
proves() {
	run 0 demo --sales 100 "$@"
	tells 'Proven: 100 sales arrived exactly once'
	leaves_nothing
}

# fails_if HOW ARG...: the proof notices it.
fails_if() {
	run 1 demo --sales 10 --sabotage "$@"
	tells 'NOT AS IT MUST BE'
	tells 'NOT exactly once'
	leaves_nothing
}

if ! has_engine SQLITE; then
	run 1 demo
	tells 'was built without'
	finish
fi
proves
fails_if lose
fails_if double
fails_if change
if begin; then
	kill -TERM $background
	wait $background && complain "SIGTERM: exit status 0"
	leaves_nothing
fi

if ! has_engine LIBPQ; then
	run 1 demo --postgresql
	tells 'was built without'
	finish
fi
proves --postgresql
fails_if double --postgresql
if begin --postgresql; then
	server=$(head -n 1 "$(folder)/data/postmaster.pid")
	kill -TERM $background
	wait $background && complain "SIGTERM: exit status 0"
	leaves_nothing
	is_gone "$server" || complain "SIGTERM: the server goes on"
fi
if begin --postgresql; then
	server=$(head -n 1 "$(folder)/data/postmaster.pid")
	kill -KILL $background
	wait $background
	is_gone "$server" || complain "SIGKILL: the server goes on"
	rm -rf "$(folder)"
fi
finish
