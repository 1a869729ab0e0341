#!/bin/sh
# Every public function stands in the NAME (.Nm) and the SYNOPSIS (.Fn or .Fo)
# of a page of section 3, and no page documents one that does not exist.
. "$(dirname "$0")/lib.sh"
make_scratch
cd "$scratch" || exit 99

sed -n 's/^[[:space:]]*\([a-z_0-9]*\);$/\1/p' "$top_srcdir/lib/libsqlassist.map" >exported
# Functions that are inline, and macros, are public too.
cat "$top_srcdir"/include/sqlassist/*.h |
	sed -nE -e 's/^static inline [a-z_0-9 *]*[ *](sqla_[a-z_0-9]+)\(.*/\1/p' \
		-e 's/^#define (sqla_[a-z_0-9]+)\(.*/\1/p' | cat - exported |
	LC_ALL=C sort -u >public

find "$top_srcdir/man" -name '*.3' >pages
[ -s pages ] || complain "there is no page in section 3"
xargs cat <pages >all
sed -nE 's/^\.Nm ((sqla|txn)_[a-z_0-9]+).*/\1/p' all | LC_ALL=C sort -u >names
# .Fn may stand alone, quoted, or behind .Ft on one line.
sed -nE 's/^\.F[no] "?((sqla|txn)_[a-z_0-9]+).*/\1/p' all | LC_ALL=C sort -u >functions

for name in $(comm -23 public names); do
	complain "$name: in no page's NAME"
done
for name in $(comm -23 public functions); do
	complain "$name: in no page's SYNOPSIS"
done
for name in $(cat names functions | LC_ALL=C sort -u | comm -13 public -); do
	grep -qE "\b$name\b" "$top_srcdir"/include/sqlassist/*.h ||
		complain "$name: documented, but not public"
done
finish
