#!/bin/sh
# Searches commit.pml through with spin: every order of all steps, messages,
# crashes and losses, for a decider that is a server and for one that is a file.
# Then with one mistake at a time, each of which must be found; a check that
# does not see them would prove nothing.
#
# usage: check.sh
# environment: SQLA_TEST_LONG=1	three failures instead of two; needs 4 GiB
. "${top_srcdir:-$(dirname "$0")/..}/tests/lint/lib.sh"
need spin gcc
make_scratch
cd "$scratch" || exit 99
model=$top_srcdir/model/commit.pml
faults=2
[ "${SQLA_TEST_LONG-}" = 1 ] && faults=3

# search NAME PROPERTY DEFINE...: 0 if PROPERTY (safe or live) holds everywhere
# that was reached, 1 if not; anything else is a failure of the search itself.
search() {
	mkdir "$1" && cd "$1" || exit 99
	name=$1
	property=$2
	shift 2
	fair=
	[ "$property" = live ] && fair=-f
	spin -a "$@" "$model" >spin.log 2>&1 &&
		gcc $optimise -w -DCOLLAPSE -DNFAIR=3 -DMEMLIM=12000 -o pan pan.c >>spin.log 2>&1 &&
		./pan -a $fair -m500000 -N "$property" >pan.log 2>&1
	if ! grep -q '^State-vector .*errors: [01]$' pan.log 2>/dev/null; then
		cat spin.log pan.log
		exit 99
	fi
	found=0
	grep -q 'errors: 0$' pan.log || found=1
	# A search that was cut short proves nothing.
	if [ $found -eq 0 ] && grep -qE 'max search depth too small|out of memory' pan.log; then
		cat pan.log
		exit 99
	fi
	awk -v name="$name" -v property="$property" '
		/ states, stored/ { states = $1 }
		/elapsed time/ { seconds = $4 }
		/errors: / { errors = $NF }
		END { printf "%-32s %-4s %9d states %6.1f s: %s\n", name, property, states,
			seconds, errors ? "a violation" : "holds" }' pan.log
	cd .. && rm -rf "$name"
	return $found
}

holds() {
	optimise=-O2
	search "$@" || complain "$*: does not hold"
}

# catch KIND MISTAKE: with it the model must be unsafe.
catch() {
	optimise= # most of these searches are shorter than compiling them well
	define=
	[ "$1" = file ] && define=-DDECIDER_FILE
	# shellcheck disable=SC2086 # nothing, or a word
	search "$1-$2" safe -DFAULTS=1 -DMUTANT_"$2" $define &&
		complain "$1: the mistake $2 is not seen"
}

holds server safe -DFAULTS=$faults
holds file safe -DFAULTS=$faults -DDECIDER_FILE
holds server live -DFAULTS=$((faults - 1))
holds file live -DFAULTS=$((faults - 1)) -DDECIDER_FILE

# I1
catch server ON_CONFLICT
# I2
catch server FINISH_FIRST
catch file FINISH_FIRST
catch server DECIDE_UNVOTED
# I3
catch server SELECT_PROVES
catch server TOMBSTONE_UNASKED
catch file TOMBSTONE_UNASKED
catch file NO_LOCK
catch file NO_BURIAL
catch file LATE_WITHOUT_LOCK
# I4
catch server OPEN_IS_ABORTED
# I5
catch file FORGET_EARLY
catch file CLEAN_BACKWARDS
catch server FORGET_TOMBSTONE
# I6
catch file UNREACHABLE_IS_ENDED
catch server TRUST_XID
# I7
catch server COMMAND_OK
catch server LOST_IS_ABORTED
catch file LOST_IS_ABORTED
catch server VISIBLE_IS_DURABLE
catch file VISIBLE_IS_DURABLE

finish
