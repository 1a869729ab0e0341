#!/bin/sh
# The symbol map, the public headers and the built library name the same
# functions, and the map is sorted.
. "$(dirname "$0")/lib.sh"
need gcc nm
make_scratch
cd "$scratch" || exit 99

sed -n 's/^[[:space:]]*\([a-z_0-9]*\);$/\1/p' "$top_srcdir/lib/libsqlassist.map" >map
LC_ALL=C sort -c map 2>order || complain "the map is not sorted: $(cat order)"
LC_ALL=C sort -u map >map.sorted

(cd "$top_srcdir/include" && find . -name '*.h' | sed 's,^\./\(.*\),#include <\1>,') >all.c
gcc -I"$top_srcdir/include" -fsyntax-only -aux-info declared.txt all.c || exit 1
# Lines like: /* .../sqlassist/txn.h:51:NC */ extern int txn_begin (void);
grep '/include/sqlassist.* extern ' declared.txt | sed 's/^.*\*\/ extern //' |
	sed -E 's/^[^(]*[ *]([a-z_0-9]+) \(.*/\1/' | LC_ALL=C sort -u >headers
grep -vE '^(sqla|txn)_' headers >odd && complain "without our prefix: $(tr '\n' ' ' <odd)"

library=$top_builddir/.libs/libsqlassist.so
[ -e "$library" ] || { echo "no $library: built without shared libraries"; exit 77; }
nm -D --defined-only "$library" | sed -nE 's/^.* [TDBRV] ([a-z_0-9]+)(@.*)?$/\1/p' |
	LC_ALL=C sort -u >exported

compare() {
	for name in $(comm -23 "$1" "$2"); do
		complain "$name: in $3, not in $4"
	done
	for name in $(comm -13 "$1" "$2"); do
		complain "$name: in $4, not in $3"
	done
}
compare map.sorted headers "the map" "the public headers"
compare map.sorted exported "the map" "the library"
finish
