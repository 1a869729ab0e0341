#!/bin/sh
# cost.sh DIR - what a transaction costs this process, as Markdown: instructions
# (callgrind) and allocations (valgrind) of each way, and where the library's go.
# Two runs of different length are subtracted, so that what is done once is out.
set -eu
dir=$1
export top_builddir="${top_builddir:-.}"
few=100
many=300

# run TOOL-OPTIONS... -- WAY N
run() {
	options=
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	# shellcheck disable=SC2086 # the words of $options are meant
	"$top_builddir/libtool" --mode=execute valgrind $options "$top_builddir/bench/bench-commit" \
		--shape two-postgres --threads 1 --alone "$2" --transactions "$3" --folder /dev/shm \
		>/dev/null
}

# count WAY N: "instructions allocations" of a run
count() {
	run --tool=callgrind --toggle-collect=run_worker --callgrind-out-file="$dir/callgrind.$1" \
		--log-file="$dir/callgrind.log" -- "$1" "$2"
	run --leak-check=no --log-file="$dir/valgrind.log" -- "$1" "$2"
	echo "$(sed -n 's/.*Collected : //p' "$dir/callgrind.log")" \
		"$(sed -n 's/.*total heap usage: \([0-9,]*\) allocs.*/\1/p' "$dir/valgrind.log" |
			tr -d ,)"
}

# row WAY: a line of the table
row() {
	echo "$(count "$1" $few) $(count "$1" $many)" |
		awk -v way="$1" -v n=$((many - few)) '{
			printf "| %s | %.0f | %.1f |\n", way, ($3 - $1) / n, ($4 - $2) / n
		}'
}

mkdir -p "$dir"
echo "| way | instructions | allocations |"
echo "|---|--:|--:|"
for way in plain textbook pipelined library pipelined-deferred deferred; do
	row $way
done
echo
echo "| share of the library's | function | in |"
echo "|--:|---|---|"
callgrind_annotate --threshold=100 --show-percs=yes "$dir/callgrind.library" | sed -nE \
	's/^ *[0-9,]+ \( *([0-9.]+)%\)  ([^:]*\/)?([^:]*):([^ ]+)( \[(.*\/)?([^]]*)\])?$/| \1 % | `\4` | \7 |/p' |
	sed 's/`0x[0-9a-f]*`/a static function/' |
	head -n 12
