#!/bin/sh
# A drill holds on good databases, sees when something is wrong, refuses where
# it cannot work, touches nothing of others, and leaves nothing behind.
. "$top_srcdir/tests/lint/lib.sh"
. "$top_srcdir/tests/cli/lib.sh"
make_scratch
in_file() { # FILE SQL
	sqlite3 -cmd '.timeout 10000' "$1" "$2"
}

has_tables() { # FILE
	[ -n "$(in_file "$1" "SELECT 1 FROM sqlite_master
		WHERE name = 'sqlassist_drill_transfer'")" ]
}

# eventually COMMAND...: waits until it is true, or something is over.
eventually() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] && kill -0 $background 2>/dev/null || {
			complain "never: $*"
			return 1
		}
		sleep 0.05
	done
}

# begin ARG...: starts a long drill, and waits until its tables are in $till.
begin() {
	"$sqlassist" drill --kills 100000 --seconds 120 "$@" >"$scratch/out" 2>"$scratch/err" &
	background=$!
	eventually has_tables "$till"
}

# over STATUS: the drill that was begun ends with it.
over() {
	wait $background
	status=$?
	[ $status -eq "$1" ] && return
	complain "the drill ended with $status instead of $1"
	cat "$scratch/out" "$scratch/err"
}

leaves_nothing() {
	has_tables "$till" && complain "leaves its tables behind in $till"
	[ "$(in_file "$till" 'SELECT x FROM mine')" = 42 ] || complain "the user's row has changed"
}

usage() {
	run 2 drill
	tells 'no engines'
	set -- drill --engine "till=sqlite:///$till"
	run 2 "$@" --kills 0
	tells '--kills wants a number'
	run 2 "$@" --threads 17
	run 2 "$@" --seconds soon
	run 2 "$@" no-such-engine
	tells 'no-such-engine'
	run 3 drill --engine "gone=sqlite:///$scratch/no/such/folder.db"
	tells 'nothing was tried'
	tells 'gone'
}

refusals() {
	in_file "$till" 'CREATE TABLE sqlassist_drill_transfer(x)'
	run 2 drill --engine "till=sqlite:///$till"
	tells 'nothing was tried'
	tells '--clean'
	in_file "$till" 'DROP TABLE sqlassist_drill_transfer'
	printf '[engine:till]\nurl = sqlite:///%s\nreadonly = yes\n' "$till" >"$scratch/engines.ini"
	run 2 drill --config "$scratch/engines.ini"
	tells 'till'
	tells 'A readonly engine cannot be drilled'
	printf '[engine:till]\nurl = sqlite:///%s\njoined = no\n' "$till" >"$scratch/engines.ini"
	run 2 drill --config "$scratch/engines.ini"
	tells 'no engine takes part in transactions'
	run 2 drill --engine "till=sqlite:///$till" --engine memory=sqlite://
	tells 'nothing was tried'
	tells 'memory'
	leaves_nothing
}

sabotage() { # ARG...
	begin "$@"
	in_file "$till" 'CREATE TRIGGER saboteur AFTER INSERT ON sqlassist_drill_transfer BEGIN
		UPDATE sqlassist_drill_account SET cents = cents + 1 WHERE id = 3; END'
	over 1
	tells 'VIOLATED'
	tells 'the accounts hold'
	leaves_nothing
}

interrupted() { # ARG...
	begin "$@"
	kill -INT $background
	over 1
	tells 'stopped before its time'
	tells 'The scratch tables are dropped'
	leaves_nothing
}

crashed() { # ARG...
	begin "$@"
	eventually sh -c "[ \$(sqlite3 -cmd '.timeout 10000' '$till' \
		'SELECT count(*) FROM sqlassist_drill_transfer') -gt 20 ]"
	kill -KILL $background
	wait $background
	run 2 drill "$@"
	tells '--clean'
	run 0 drill "$@" --clean
	leaves_nothing
	run 0 drill "$@" --clean
}

files() {
	set -- --engine "till=sqlite:///$till" --engine "shop=sqlite:///$scratch/shop.db"
	in_file "$scratch/shop.db" 'CREATE TABLE t(x)'
	run 0 drill "$@" --kills 15
	tells 'Verdict: held'
	tells 'shop: SQLite'
	leaves_nothing
	run 0 drill "$@" till --kills 5 --threads 1 --seed 7
	tells 'seed 7'
	sabotage "$@"
	interrupted "$@"
	crashed "$@"
}

prepared() {
	psql -qXtA "$SQLASSIST_EXAMPLE_PG" -c 'SELECT gid FROM pg_prepared_xacts ORDER BY gid'
}

# Somebody else's transactions in doubt, one of them of the library's own kind.
doubts() {
	site=$(in_file "$till" "SELECT txn FROM sqlassist_decision WHERE verdict = 'site'")
	[ -n "$site" ] || complain 'the file has no site'
	for gid in foreign "sqla1.5d4f2f80-4c1e-4b62-8a57-0d1d5e1c7a01.1.$site.till"; do
		psql -qX "$SQLASSIST_EXAMPLE_PG" -c "BEGIN; INSERT INTO mine VALUES (1);
			PREPARE TRANSACTION '$gid'" || exit 99
	done
}

# leave_branch NUMBER: what a worker leaves that is killed between PREPARE and the
# decision: a branch that holds locks on the drill's tables.
leave_branch() {
	psql -qX "$SQLASSIST_EXAMPLE_PG" -c "BEGIN;
		INSERT INTO sqlassist_drill_transfer SELECT * FROM sqlassist_drill_transfer
			WHERE false;
		PREPARE TRANSACTION 'sqla1.5d4f2f80-4c1e-4b62-8a57-0d1d5e1c7a1$1.1.$site.till'" ||
		exit 99
	prepared | grep -q 7a1 || complain 'no branch was prepared'
}

# A branch is found and ended that holds the tables which are to be dropped,
# while the server that prepared it runs, and after that was started again.
left_in_doubt() { # ARG...
	for crashes in no yes; do
		begin "$@"
		kill -KILL $background
		wait $background
		leave_branch 1
		if [ $crashes = yes ]; then
			"$top_builddir/tests/support/with-servers" -r one || exit 99
		fi
		run 0 drill "$@" --clean
		leaves_nothing
		[ "$(prepared)" = "$before" ] || complain "in doubt are now: $(prepared)"
	done
}

servers() {
	till=$SQLASSIST_EXAMPLE_DIR/till.db
	in_file "$till" 'CREATE TABLE mine(x); INSERT INTO mine VALUES (42)'
	psql -qX "$SQLASSIST_EXAMPLE_PG" -c 'CREATE TABLE mine(x int)' -c 'CREATE ROLE poor LOGIN'
	poor=$(echo "$SQLASSIST_EXAMPLE_PG" | sed 's/user=postgres/user=poor/')
	run 2 drill --engine "bank=$poor"
	tells 'nothing was tried: bank'
	tells 'GRANT CREATE ON SCHEMA'

	set -- --engine "bank=$SQLASSIST_EXAMPLE_PG" --engine "shop=$SQLASSIST_EXAMPLE_PG2" \
		--engine "till=sqlite:///$till"
	run 0 drill "$@" --kills 20 --json
	tells '"verdict": "held"'
	tells '"clean": true'
	doubts
	before=$(prepared)
	crashed "$@"
	interrupted "$@"
	left_in_doubt "$@"
	[ "$(prepared)" = "$before" ] ||
		complain "in doubt were: $before; and now are: $(prepared)"
}

unprepared() {
	run 2 drill --engine "bank=$SQLASSIST_EXAMPLE_PG" --engine "shop=$SQLASSIST_EXAMPLE_PG2"
	tells 'nothing was tried'
	tells 'max_prepared_transactions'
}

case ${1-} in
servers | unprepared)
	need psql sqlite3
	"$1"
	finish ;;
esac
till=$scratch/till.db
case ${ENGINE_CPPFLAGS-} in
*SQLITE*)
	need sqlite3
	in_file "$till" 'CREATE TABLE mine(x); INSERT INTO mine VALUES (42)'
	usage
	refusals
	files ;;
esac
case ${ENGINE_CPPFLAGS-} in
*LIBPQ*SQLITE*)
	with="$top_builddir/tests/support/with-servers -n 2"
	# shellcheck disable=SC2086 # words
	$with "${SHELL:-/bin/sh}" "$0" servers || complain 'with real servers it does not work'
	# shellcheck disable=SC2086
	$with -c 'max_prepared_transactions = 0' "${SHELL:-/bin/sh}" "$0" unprepared ||
		complain 'servers that cannot prepare are not refused' ;;
esac
finish
