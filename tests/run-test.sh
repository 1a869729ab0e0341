#!/bin/sh
# Runs one test program or script and fails it on any report of a sanitizer or
# of valgrind. Criterion runs every test in a worker process and stays green on
# leaks and valgrind errors there, so each process writes a log of its own,
# and any log that tells of something fails the test. tests/canary proves it.
#
# usage: run-test.sh PROGRAM [ARG...]
# environment: SQLA_TEST_VALGRIND=1        run it under valgrind
#              SQLA_TEST_TIMEOUT=SECONDS   the bound of one program; 600
#              SQLA_TEST_REPORTS=DIR       where the reports go
set -u

program=$1
shift
name=${program#"${srcdir:-.}"/}
name=${name#./}
reports=${SQLA_TEST_REPORTS:-${name%.sh}.reports}
rm -rf "$reports"
# Workers may run as another user, since PostgreSQL refuses root.
mkdir -p "$reports" && chmod 1777 "$reports" || exit 99
reports=$(cd "$reports" && pwd)

ASAN_OPTIONS="${ASAN_OPTIONS-}:log_path=$reports/asan:detect_leaks=1:abort_on_error=0"
UBSAN_OPTIONS="${UBSAN_OPTIONS-}:log_path=$reports/ubsan:print_stacktrace=1"
TSAN_OPTIONS="${TSAN_OPTIONS-}:log_path=$reports/tsan:die_after_fork=0:second_deadlock_stack=1"
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS

under=
case $program in
*.sh)	under=${SHELL:-/bin/sh} ;;
*)	if [ "${SQLA_TEST_VALGRIND-}" = 1 ]; then
		under="valgrind -q --trace-children=yes --child-silent-after-fork=no
			--trace-children-skip=*/keeper,*/postgres,*/initdb,*/pg_ctl,*/psql,*/sh,*/su,*/runuser
			--leak-check=full --show-leak-kinds=definite
			--errors-for-leak-kinds=definite --log-file=$reports/vg.%p.log"
		[ -x "${top_builddir:-.}/libtool" ] &&
			under="${top_builddir:-.}/libtool --mode=execute $under"
	fi ;;
esac

began=$(date +%s)
# In the background, so that being ended ourselves ends the test, too; it is to
# find the signals as they would be in front.
set -f
# shellcheck disable=SC2086 # the words of $under are meant
timeout --kill-after=10 "${SQLA_TEST_TIMEOUT:-600}" \
	env --default-signal=INT,QUIT $under "$program" "$@" &
running=$!
set +f
trap 'kill $running 2>/dev/null; wait $running; exit 99' HUP INT TERM
wait $running
status=$?
trap - HUP INT TERM
echo "run-test: $(($(date +%s) - began)) seconds"
[ $status -eq 124 ] && echo "run-test: no end after ${SQLA_TEST_TIMEOUT:-600} seconds"

# With -q valgrind writes nothing unless it has something to tell.
found=0
for report in "$reports"/*; do
	[ -s "$report" ] || continue
	found=$((found + 1))
	[ $found -le 3 ] && { echo "run-test: report ${report##*/}"; head -n 60 "$report"; }
done
if [ $found -gt 0 ]; then
	echo "run-test: $found reports of sanitizers or valgrind in $reports"
	[ $status -eq 0 ] && status=1
else
	rm -rf "$reports"
fi
exit $status
