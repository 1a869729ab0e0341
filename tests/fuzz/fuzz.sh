#!/bin/sh
# Every fuzz target with libFuzzer, ASan and UBSan, in a build of its own: as many
# seconds each as SQLA_FUZZ_SECONDS says, 60 by default, on what is in its corpus.
# An input that fails is kept in build/found, and named.
#
#	make check-long						all tests of the kind
#	make check TESTS=tests/fuzz/fuzz.sh			this one
#	SQLA_FUZZ_TARGETS="gid ini" make check TESTS=tests/fuzz/fuzz.sh
set -u
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${top_builddir:=$(pwd)}"
build=$top_builddir/tests/fuzz/build
seconds=${SQLA_FUZZ_SECONDS:-60}
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)

if [ "${FUZZ_CC:-no}" = no ]; then
	echo "libFuzzer is missing: install clang and libclang-rt-dev, and run configure again"
	[ "${CI-}" = true ] && exit 1
	exit 77
fi

# The engines of the build that this is part of.
without=
case ${ENGINE_CPPFLAGS-} in *SQLA_WITH_LIBPQ*) ;; *) without="$without --without-libpq" ;; esac
case ${ENGINE_CPPFLAGS-} in *SQLA_WITH_SQLITE*) ;; *) without="$without --without-sqlite" ;; esac
case ${ENGINE_CPPFLAGS-} in *SQLA_WITH_JANSSON*) ;; *) without="$without --without-jansson --disable-cli" ;; esac

# Asked in a subshell of its own: make's own variables would lead it elsewhere.
prepare() {
	mkdir -p "$build/found" && cd "$build" || exit 99
	unset MAKEFLAGS MAKELEVEL MFLAGS
	# shellcheck disable=SC2086 # a list of words
	[ -e Makefile ] || "$top_srcdir/configure" -q --enable-sanitizer=fuzzer $without \
		CC="$FUZZ_CC" CFLAGS='-g -O1' || exit 1
	make -s -j"$jobs" fuzz-targets
}
(prepare) >"$top_builddir/tests/fuzz/build.log" 2>&1 || {
	tail -n 30 "$top_builddir/tests/fuzz/build.log"
	echo "the targets cannot be built"
	exit 1
}

cd "$build" || exit 99
targets=${SQLA_FUZZ_TARGETS:-$(ls tests/fuzz | sed -n 's/^fuzz-\([a-z]*\)$/\1/p')}
rm -rf found && mkdir found || exit 99

# One target: what it learns goes to a folder that is left behind. Some go to another
# folder while they run.
run() {
	mkdir -p "$build/learned/$1"
	"tests/fuzz/fuzz-$1" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=3000 \
		-malloc_limit_mb=2500 -print_final_stats=1 -artifact_prefix="$build/found/$1-" \
		"$build/learned/$1" "$top_srcdir/tests/fuzz/corpus/$1" >"$1.log" 2>&1 && return
	echo "$1 failed: "found/"$1"-*
	tail -n 40 "$1.log"
	return 1
}

failed=0
running=0
pids=
for target in $targets; do
	run "$target" &
	pids="$pids $!"
	running=$((running + 1))
	[ $((running % jobs)) -eq 0 ] || continue
	for pid in $pids; do
		wait "$pid" || failed=$((failed + 1))
	done
	pids=
done
for pid in $pids; do
	wait "$pid" || failed=$((failed + 1))
done
for target in $targets; do
	sed -n "s/^stat::number_of_executed_units: */$target: runs: /p" "$target.log"
done
[ $failed -eq 0 ] && [ $running -gt 0 ]
