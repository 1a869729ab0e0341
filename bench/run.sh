#!/bin/sh
# run.sh DIR [DOCS] - measures everything that docs/performance.md shows, in DIR;
# with DOCS, that folder's tables and plot are made anew from it. What DIR has
# already is not measured again.
#
# environment: BENCH_SECONDS  for each cell and way; 5
#              BENCH_MILLION  1: the decision table sees a million transactions, too
set -eu
top_builddir=${top_builddir:-.}
srcdir=$(dirname "$0")
dir=$1
docs=${2-}
seconds=${BENCH_SECONDS:-5}
mkdir -p "$dir"

# measure NAME PROGRAM ARG...: writes DIR/NAME.json
measure() {
	name=$1
	program=$2
	shift 2
	[ -e "$dir/$name.json" ] && return
	"$top_builddir/bench/$program" --json "$dir/$name.new" "$@"
	mv "$dir/$name.new" "$dir/$name.json"
}

# cells NAME ARG...: measures by bench-commit. Rows are forgotten meanwhile, as they
# are in any run that is much longer than keep_decisions.
cells() {
	name=$1
	shift
	measure "$name" bench-commit --seconds "$seconds" --keep 1 "$@"
}

# splice NAME: puts DIR/NAME.md between the marks of NAME.
splice() {
	awk -v name="$1" -v text="$dir/$1.md" '
	$0 == "<!-- " name " -->" {
		print
		while ((getline line < text) > 0)
			print line
		skip = 1
		found = 1
	}
	$0 == "<!-- end -->" { skip = 0 }
	!skip { print }
	END { exit !found }' "$docs/performance.md" >"$dir/performance.md"
	cp "$dir/performance.md" "$docs/performance.md"
}

# show NAME WHAT FILE: splices WHAT of DIR/FILE.json, as bench-table says it.
show() {
	"$top_builddir/bench/bench-table" "--$2" "$dir/$3.json" >"$dir/$1.md"
	splice "$1"
}

plot() {
	command -v gnuplot >/dev/null || {
		echo "there is no gnuplot: $docs/performance.svg stays as it is" >&2
		return
	}
	"$top_builddir/bench/bench-table" --plot "$dir/shapes.json" >"$dir/shapes.data"
	gnuplot -e "data = '$dir/shapes.data'; out = '$docs/performance.svg'" "$srcdir/plot.gp"
}

cells shapes --threads 1,4,16
cells threads --shape two-postgres --threads 1,2,4,8,16,32,64
cells branches --shape two-postgres,four-postgres,eight-postgres --threads 1
# Without disks, so that the network is all there is.
memory=/dev/shm
[ -w $memory ] || memory=${TMPDIR:-/tmp}
for ms in 1 10; do
	cells slow-$ms --shape two-postgres,postgres-sqlite,three-postgres --threads 1 \
		--folder "$memory" --delay $ms
done

measure scale bench-scale
[ "${BENCH_MILLION-}" != 1 ] || measure million bench-scale --million

[ -e "$dir/group.md" ] || {
	"$top_builddir/bench/bench-group" --seconds "$seconds" >"$dir/group.new"
	mv "$dir/group.new" "$dir/group.md"
}

# What needs valgrind can be left out.
if [ ! -e "$dir/cost.md" ] && command -v callgrind_annotate >/dev/null; then
	top_builddir=$top_builddir sh "$srcdir/cost.sh" "$dir/cost" >"$dir/cost.new"
	mv "$dir/cost.new" "$dir/cost.md"
fi

if [ -n "$docs" ]; then
	show machine machine shapes
	for name in shapes threads branches slow-1 slow-10; do
		show $name table $name
	done
	for name in recovery decisions memory; do
		show $name $name scale
	done
	[ ! -e "$dir/million.json" ] || show million decisions million
	splice group
	[ ! -e "$dir/cost.md" ] || splice cost
	plot
fi
