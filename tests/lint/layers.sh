#!/bin/sh
# Includes never point upward among the layers, never sideways between the
# drivers, and never in a circle; x.c includes its own header first; the
# command line tool, the examples and the benchmarks use public headers only.
. "$(dirname "$0")/lib.sh"
need awk tsort
make_scratch
cd "$top_srcdir" || exit 99

# Every include of ours in quotes, as: file includer-layer header
grep -rnHE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' lib --include='*.[ch]' |
	sed -E 's/^lib\/([^:]*):[0-9]+:[^"]*"([^"]*)".*/\1 \2/' >"$scratch/includes"

awk '
BEGIN {
	n = split("base txn engine postgres,sqlite session recovery request schema query panel",
		  rows, " ")
	for (i = 1; i <= n; i++) {
		m = split(rows[i], names, ",")
		for (j = 1; j <= m; j++)
			rank[names[j]] = i
	}
}
{
	split($1, from, "/"); split($2, to, "/")
	if (!(from[1] in rank))
		print "lib/" $1 ": no layer is called " from[1]
	else if (!(to[1] in rank) || $2 !~ /\//)
		print "lib/" $1 ": write \"" $2 "\" as \"layer/file.h\""
	else if (rank[to[1]] > rank[from[1]])
		print "lib/" $1 ": includes upward: " $2
	else if (rank[to[1]] == rank[from[1]] && to[1] != from[1])
		print "lib/" $1 ": includes sideways: " $2
}' "$scratch/includes" >"$scratch/said"

# A circle: tsort tells of one on stderr.
grep '^[^ ]*\.h ' "$scratch/includes" | tsort 2>"$scratch/circle" >/dev/null
sed 's/^tsort: -: /a circle of includes: /; s/^tsort: /	/' "$scratch/circle" >>"$scratch/said"

for file in $(find lib -name '*.c' | LC_ALL=C sort); do
	own=${file#lib/}
	own=${own%.c}.h
	[ -e "lib/$own" ] || continue
	first=$(sed -nE 's/^#[[:space:]]*include[[:space:]]+["<]([^">]*)[">].*/\1/p' "$file" | head -n 1)
	[ "$first" = "$own" ] || echo "$file: includes $first before its own $own"
done >>"$scratch/said"

for folder in base txn engine postgres sqlite session recovery request schema query panel; do
	grep -rnE "#[[:space:]]*include[[:space:]]+[\"<]$folder/" cli examples bench --include='*.[ch]' |
		sed 's/$/ : not a public header/'
done >>"$scratch/said"

while read -r line; do
	complain "$line"
done <"$scratch/said"
finish
