#!/bin/sh
# Thousands of kills by four drills at once, each on databases of its own, and
# not one violation (make check-long).
. "$top_srcdir/tests/lint/lib.sh"
need psql sqlite3
kills=${SQLA_TEST_KILLS:-3000}

# database URL NAME: makes one beside the other's, and tells its URL.
database() {
	psql -qX "$1" -c "CREATE DATABASE $2" || exit 99
	echo "$1" | sed "s,/example?,/$2?,"
}

# drill NAME ENGINE...: leaves its report in $scratch/NAME.
drill() {
	name=$1
	shift
	"$top_builddir/sqlassist" drill --kills "$kills" --seconds 7000 "$@" \
		>"$scratch/$name" 2>&1 || echo "exit status $?" >>"$scratch/$name"
}

# count NAME WHAT LINE: how many, for the sum at the end.
count() {
	sed -n "s/^ *$3 *\([0-9]*\)$/count \1 $2/p" "$scratch/$1"
}

# The reports, when all are done.
tell() {
	for name; do
		cat "$scratch/$name"
		grep -q '^Verdict: held' "$scratch/$name" || complain "$name: it did not hold"
		count "$name" 'coordinators killed by sqlassist drill' 'workers killed (SIGKILL)'
		count "$name" 'coordinators frozen, and woken behind recovery' \
			'workers frozen while recovery acted, and woken'
	done
}

if [ -z "${SQLASSIST_EXAMPLE_PG-}" ]; then
	exec "$top_builddir/tests/support/with-servers" -n 2 "${SHELL:-/bin/sh}" "$0"
fi
make_scratch
one=$SQLASSIST_EXAMPLE_PG
two=$SQLASSIST_EXAMPLE_PG2
for file in a b c d e; do
	sqlite3 "$scratch/$file.db" 'CREATE TABLE t(x)' || exit 99
done
file="sqlite:///$scratch"
drill servers --engine "bank=$one" --engine "shop=$two" &
drill server-and-file --engine "bank=$(database "$one" second)" --engine "till=$file/a.db" &
drill four --engine "bank=$(database "$one" third)" --engine "shop=$(database "$two" third)" \
	--engine "till=$file/b.db" --engine "box=$file/c.db" &
drill files --engine "till=$file/d.db" --engine "box=$file/e.db" &
wait
tell servers server-and-file four files
finish
