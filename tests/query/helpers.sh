#!/bin/sh
# examples/query-helpers finds the same books on every engine, in the same
# order, whatever letters somebody types.
. "$top_srcdir/tests/lint/lib.sh"
make_scratch
example=$top_builddir/examples/query-helpers

cat >"$scratch/expected" <<'END'
this title:
titles with it:
  {"id":5,"title":"Война и мир","language":"ru","year":1869}
the latest that are not English:
  {"id":4,"title":"Ζορμπάς","language":"el","year":1946}
  {"id":8,"title":"Мы","language":"ru","year":1920}
1 is Moby-Dick
5 is Война и мир
this title:
  {"id":2,"title":"100% Wolf","language":"en","year":2008}
titles with it:
  {"id":2,"title":"100% Wolf","language":"en","year":2008}
the latest that are not English:
  {"id":4,"title":"Ζορμπάς","language":"el","year":1946}
  {"id":8,"title":"Мы","language":"ru","year":1920}
1 is Moby-Dick
5 is Война и мир
END

on_engine() { # URL
	{
		"$example" "$1" 'ВОЙНА' && "$example" "$1" '100% wolf'
	} >"$scratch/said" 2>"$scratch/err" || complain "$1: the example fails: $(cat "$scratch/err")"
	cmp -s "$scratch/expected" "$scratch/said" && return
	complain "$1: other books are found:"
	diff "$scratch/expected" "$scratch/said"
}

if [ -n "${SQLASSIST_EXAMPLE_PG-}" ]; then
	on_engine "$SQLASSIST_EXAMPLE_PG"
	finish
fi

"$example" 2>"$scratch/err" && complain "no arguments: exit status 0"
"$example" nonsense:// 2>"$scratch/err" && complain "a bad URL: exit status 0"
case ${ENGINE_CPPFLAGS-} in
*SQLITE*)
	on_engine "sqlite:///$scratch/library.db" ;;
esac
case ${ENGINE_CPPFLAGS-} in
*LIBPQ*SQLITE*)
	"$top_builddir/tests/support/with-servers" "${SHELL:-/bin/sh}" "$0" ||
		complain "on real servers it does not work" ;;
esac
finish
