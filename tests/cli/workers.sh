#!/bin/sh
# examples/preforking-server counts every visit once, on both engines, and
# examples/threaded-worker carries every sale once, although its threads are in
# each other's way.
. "$top_srcdir/tests/lint/lib.sh"
make_scratch
server=$top_builddir/examples/preforking-server
worker=$top_builddir/examples/threaded-worker

# requests N: N visits of each of three.
requests() {
	i=0
	while [ $i -lt "$1" ]; do
		printf 'ann\nbob\neve\n'
		i=$((i + 1))
	done
}

counts() { # URL
	requests 20 | "$server" "$1" >"$scratch/out" || complain "$1: exit status $?"
	[ "$(sort -u "$scratch/out" | wc -l)" -eq 60 ] || {
		complain "$1: a visit is lost or counted twice"
		sort "$scratch/out"
	}
	grep -qx 'ann 20' "$scratch/out" || complain "$1: ann did not come 20 times"
}

if [ -n "${SQLASSIST_EXAMPLE_PG-}" ]; then
	counts "$SQLASSIST_EXAMPLE_PG"
	sqlite3 "$scratch/shop.db" 'CREATE TABLE sale(id INTEGER PRIMARY KEY, cents INTEGER,
		sent INTEGER DEFAULT 0)' || exit 99
	sqlite3 "$scratch/shop.db" 'WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
		WHERE i < 100) INSERT INTO sale(cents) SELECT i * 100 FROM n' || exit 99
	psql -qX "$SQLASSIST_EXAMPLE_PG" -c 'CREATE TABLE ledger(sale bigint PRIMARY KEY,
		cents bigint)' || exit 99
	"$worker" "sqlite:///$scratch/shop.db" "$SQLASSIST_EXAMPLE_PG" ||
		complain "threaded-worker: exit status $?"
	found=$(psql -qXtA "$SQLASSIST_EXAMPLE_PG" -c \
		"SELECT count(*), sum(cents) FROM ledger")
	[ "$found" = '100|505000' ] || complain "the ledger has $found"
	left=$(sqlite3 "$scratch/shop.db" 'SELECT count(*) FROM sale WHERE sent = 0')
	[ "$left" = 0 ] || complain "$left sales are left"
	finish
fi
"$server" nonsense:// </dev/null 2>/dev/null && complain "a bad URL: exit status 0"
"$worker" 2>/dev/null && complain "no arguments: exit status 0"
case ${ENGINE_CPPFLAGS-} in
*SQLITE*)
	counts "sqlite:///$scratch/visits.db" ;;
esac
case ${ENGINE_CPPFLAGS-} in
*LIBPQ*SQLITE*)
	need psql sqlite3
	"$top_builddir/tests/support/with-servers" "${SHELL:-/bin/sh}" "$0" ||
		complain "on real servers it does not work" ;;
esac
finish
