#!/bin/sh
# What the log says of a leaked connection leads addr2line to the line that took
# it: the application's, not one of the library's.
. "$top_srcdir/tests/lint/lib.sh"
need addr2line
make_scratch
"$top_builddir/tests/session/leaky" "sqlite:///$scratch/db" >"$scratch/out" || {
	cat "$scratch/out"
	complain "leaky fails"
}
grep -q 'has not come back' "$scratch/out" || complain "nothing is told"
case $(cat "$scratch/out") in
*"this system has no backtrace"*)
	finish ;;
esac
program=$top_builddir/tests/session/.libs/leaky
[ -x "$program" ] || program=$top_builddir/tests/session/leaky

# place N: what the Nth call of the list is.
place() {
	address=$(sed -n 's/.*taken by //p' "$scratch/out" | tr '<' '\n' | sed -n "$1p" |
		sed 's/.*(\(.*\)).*/\1/; s/^+//')
	addr2line -fpe "$program" "$address"
}

line=$(sed -n '/THE LEAK/=' "$top_srcdir/tests/session/leaky.c")
case "$(place 1)" in
"look_up at "*leaky.c:"$line"* | "look_up at ??"*) ;;
*)	complain "the first call is $(place 1), not look_up in line $line"
	cat "$scratch/out" ;;
esac
case "$(place 2)" in
"report_all at "*) ;;
*)	complain "the second call is $(place 2), not report_all" ;;
esac
finish
