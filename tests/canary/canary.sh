#!/bin/sh
# Proves that the checks of run-test.sh catch what they are there for: a
# planted mistake must fail under the tool that is to find it, with a report
# that names it, and a test without one must pass.
. "$top_srcdir/tests/lint/lib.sh"
make_scratch
: "${CC:=cc}"
unset SQLA_TEST_VALGRIND

build_planted() { # PROGRAM FLAG...
	program=$scratch/$1
	shift
	# shellcheck disable=SC2086 # lists of words
	$CC -std=gnu11 -D_GNU_SOURCE -g -O0 -pthread ${CRITERION_CFLAGS-} \
		"$top_srcdir/tests/canary/planted.c" "$@" -o "$program" ${CRITERION_LIBS:--lcriterion} \
		>"$program.log" 2>&1 || {
		complain "cannot build $*: $(cat "$program.log")"
		return 1
	}
}

run_planted() { # PROGRAM TEST
	(cd "$scratch" && SQLA_TEST_REPORTS=$scratch/$1-$2 \
		"${SHELL:-/bin/sh}" "$top_srcdir/tests/run-test.sh" "$scratch/$1" \
		--filter "planted/$2") >"$scratch/$1-$2.log" 2>&1
}

passes() { # PROGRAM TEST
	run_planted "$1" "$2" ||
		complain "$1 fails $2: $(cat "$scratch/$1-$2.log")"
}

catches() { # PROGRAM TEST WORDS
	if run_planted "$1" "$2"; then
		complain "$1 does not catch $2: $(cat "$scratch/$1-$2.log")"
	elif ! grep -q "$3" "$scratch/$1-$2.log"; then
		complain "$1 fails $2 without a report: $(cat "$scratch/$1-$2.log")"
	else
		echo "$1 catches $2"
	fi
}

if build_planted asan -fsanitize=address,undefined -fno-sanitize-recover=all; then
	passes asan nothing
	catches asan leak "LeakSanitizer: detected memory leaks"
	catches asan leak_in_child "LeakSanitizer: detected memory leaks"
	catches asan overread "heap-buffer-overflow"
	catches asan overflow "signed integer overflow"
fi
if build_planted tsan -fsanitize=thread "$top_srcdir/tests/tsan-arena.c"; then
	passes tsan nothing
	catches tsan race "ThreadSanitizer: data race"
fi
if command -v valgrind >/dev/null || [ "${CI-}" = true ]; then
	# Older valgrinds cannot read the newest debug information.
	build_planted valgrind -gdwarf-4 || finish
	SQLA_TEST_VALGRIND=1
	export SQLA_TEST_VALGRIND
	passes valgrind nothing
	catches valgrind leak "definitely lost"
	catches valgrind leak_in_child "definitely lost"
	catches valgrind overread "Invalid read"
fi
finish
