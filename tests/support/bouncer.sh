# Sourced by scripts that run test programs with a PgBouncer in front of each
# cluster (support/bouncer.h). The programs mostly wait: several run at once,
# each behind what the line says it is.
. "$top_srcdir/tests/lint/lib.sh"
make_scratch

# run_line PROGRAM...: one after the other.
run_line() {
	for program; do
		echo "== $program"
		"$top_builddir/tests/$program" 2>&1 || echo "FAILED: $program"
	done
}

# through MODE LINE...: the programs of each line, all lines at once.
through() {
	SQLASSIST_TEST_BOUNCER=$1
	export SQLASSIST_TEST_BOUNCER
	shift
	number=0
	for line; do
		number=$((number + 1))
		# shellcheck disable=SC2086 # a list of words
		run_line $line >"$scratch/$number" &
	done
	wait
	cat "$scratch"/*
	for file in "$scratch"/*; do
		grep -q '^FAILED' "$file" && complain "$(grep '^FAILED' "$file")"
	done
	finish
}
