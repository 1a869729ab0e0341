#!/bin/sh
# The benchmark runs, every way in every shape commits all it does, and its
# figures can be read by programs.
set -eu
json=$(mktemp)
trap 'rm -f "$json"' EXIT
"$top_builddir/bench/bench-commit" --smoke --threads 1,2 --keep 1 --json "$json"
cells=$(grep -c '"failed": 0$' "$json")
# Six ways in three shapes, two in the three where one database changes.
[ "$cells" -eq 48 ] || {
	echo "$cells cells without a failure instead of 48"
	exit 1
}
"$top_builddir/bench/bench-table" "$json" | grep -qE '^\| one SQLite \| 2 \|( [0-9./ ]*\|)+$'
"$top_builddir/bench/bench-table" --plot "$json" | grep -qE '^"two-postgres, 2"( [0-9.]+){5}$'
"$top_builddir/bench/bench-scale" --smoke --json "$json"
"$top_builddir/bench/bench-table" --recovery "$json" | grep -qE '^\| 10 \| [0-9]+ \| [0-9]+ \|$'
"$top_builddir/bench/bench-group" --smoke | grep -q '^| journal_mode |'
status=0
"$top_builddir/bench/bench-commit" --threads none --smoke 2>/dev/null || status=$?
[ $status -eq 2 ]
