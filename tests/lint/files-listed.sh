#!/bin/sh
# Every file that a build or a tarball needs is listed in a Makemodule.am, and
# the lists of sources are one a line and sorted.
. "$(dirname "$0")/lib.sh"
cd "$top_srcdir" || exit 99
make_scratch
sed 's/^#.*//' Makefile.am ./*/Makemodule.am ./*/*/Makemodule.am >"$scratch/all"

for file in $(find include lib cli man tests examples bench -type f \( -name '*.[ch1-9]' \
	-o -name '*.def' -o -name '*.sh' -o -name '*.map' -o -name '*.supp' \) | LC_ALL=C sort); do
	grep -qE "(^|[[:space:]=])$file([[:space:]]|$)" "$scratch/all" ||
		complain "$file: in no Makemodule.am"
done

for fragment in */Makemodule.am */*/Makemodule.am; do
	awk '
	/_SOURCES *\+?= *\\$/ { on = 1; last = ""; next }
	on {
		if (NF && $1 < last)
			print FILENAME ": " $1 " stands behind " last
		if (NF > 2 || (NF == 2 && $2 != "\\"))
			print FILENAME ": one source a line: " $0
		last = $1
		on = /\\$/
	}' "$fragment"
done >"$scratch/said"
while read -r line; do
	complain "$line"
done <"$scratch/said"
finish
