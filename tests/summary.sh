#!/bin/sh
# Adds up the logs of a test run. Its last line is `N passed, N failed`: each
# test of a Criterion program counts, each script is one, and so is a program
# that did not run, or failed without a failing test (a sanitizer's report).
#
# usage: summary.sh LOG...
set -u

passed=0
failed=0
skipped=0
shown=0

# The number behind WORD in Criterion's closing line, kept in $line.
number() {
	n=$(printf '%s\n' "$line" | sed -n "s/.*$1: *\([0-9][0-9]*\).*/\1/p")
	echo "${n:-0}"
}

show() {
	echo "FAIL: ${1%.log}"
	shown=$((shown + 1))
	if [ $shown -le 5 ] && [ -e "$1" ]; then
		tail -n 25 "$1" | sed 's/^/	/'
	fi
}

for log; do
	trs=${log%.log}.trs
	result=$(sed -n 's/^:test-result: *\([A-Z]*\).*/\1/p' "$trs" 2>/dev/null)
	line=$(grep 'Synthesis: Tested:' "$log" 2>/dev/null | tail -n 1)
	bad=0
	if [ -n "$line" ]; then
		passed=$((passed + $(number Passing)))
		bad=$(($(number Failing) + $(number Crashing)))
		[ "$result" != PASS ] && [ $bad -eq 0 ] && bad=1
	else
		case $result in
		PASS)	passed=$((passed + 1)) ;;
		SKIP)	skipped=$((skipped + 1)) ;;
		*)	bad=1 ;;
		esac
	fi
	failed=$((failed + bad))
	[ $bad -gt 0 ] && show "$log"
done

# What to look at when a run takes too long.
grep -H '^run-test: [0-9]* seconds' "$@" /dev/null 2>/dev/null |
	sed -E 's/^(.*)\.log:run-test: ([0-9]+) seconds/\2 s  \1/' | sort -rn | head -n 5
[ $skipped -gt 0 ] && echo "$skipped skipped: their tool is missing"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
