#!/bin/sh
# The examples of requests do what their first lines say.
. "$top_srcdir/tests/lint/lib.sh"
need psql sqlite3
make_scratch
examples=$top_builddir/examples

expect() { # WHAT-IS WHAT-IS-EXPECTED ABOUT
	[ "$1" = "$2" ] || complain "$3: found '$1' instead of '$2'"
}

on_file() { # PATH SQL
	sqlite3 "$1" "$2" || exit 99
}

# Here: on the server of with-servers.
queue_worker() {
	queue=$scratch/queue.db
	on_file "$queue" 'CREATE TABLE job(id INTEGER PRIMARY KEY, number INTEGER, failure TEXT);
		INSERT INTO job(number) VALUES (1), (2), (5), (3)'
	psql -qX "$SQLASSIST_EXAMPLE_PG" -c 'CREATE TABLE result(id bigint PRIMARY KEY,
		value int CHECK (value < 20))' || exit 99
	"$examples/queue-worker" "sqlite:///$queue" "$SQLASSIST_EXAMPLE_PG" &
	"$examples/queue-worker" "sqlite:///$queue" "$SQLASSIST_EXAMPLE_PG" ||
		complain "queue-worker fails"
	wait $! || complain "the second queue-worker fails"
	expect "$(psql -qXtA "$SQLASSIST_EXAMPLE_PG" -c \
		"SELECT string_agg(id || '=' || value, ' ' ORDER BY id) FROM result")" \
		'1=1 2=4 4=9' 'the results'
	expect "$(on_file "$queue" "SELECT number FROM job WHERE failure LIKE '%check%'")" 5 \
		'what is left in the queue'
}

request_loop() {
	shop=$scratch/shop.db
	log=$scratch/log.db
	"$examples/request-loop" "sqlite:///$shop" "sqlite:///$log" </dev/null ||
		complain "request-loop fails"
	on_file "$shop" "INSERT INTO stock VALUES ('apple', 5)"
	"$examples/request-loop" "sqlite:///$shop" "sqlite:///$log" >"$scratch/out" <<-END ||
		sell apple 3
		sell apple 3
		sell pear 1
		buy apple 1
		sell apple 2
	END
		complain "request-loop fails"
	expect "$(cut -d: -f1 "$scratch/out" | tr '\n' ',')" \
		'200 sell apple 3,500 sell apple 3,404 sell pear 1,400 buy apple 1,200 sell apple 2,' \
		'request-loop says'
	expect "$(on_file "$shop" 'SELECT group_concat(count) FROM sale')" 3,2 'the sales'
	expect "$(on_file "$shop" 'SELECT count FROM stock')" 0 'the stock'
	expect "$(on_file "$log" 'SELECT group_concat(status) FROM access')" 200,500,404,400,200 \
		'the log'
}

opt_out() {
	notes=$scratch/notes.db
	expect "$("$examples/opt-out" "sqlite:///$notes" one)" 'committed by the manager' opt-out
	expect "$(SQLASSIST_DISABLE_TRANSACTION=1 "$examples/opt-out" "sqlite:///$notes" two)" \
		'committed by itself' 'opt-out, disabled'
	expect "$(on_file "$notes" 'SELECT group_concat(text) FROM note')" one,two 'the notes'
}

if [ -n "${SQLASSIST_EXAMPLE_PG-}" ]; then
	queue_worker
	finish
fi
for program in opt-out queue-worker request-loop; do
	"$examples/$program" 2>/dev/null && complain "$program: no arguments: exit status 0"
	"$examples/$program" nonsense:// nonsense:// </dev/null 2>/dev/null &&
		complain "$program: bad URLs: exit status 0"
done
case ${ENGINE_CPPFLAGS-} in
*SQLITE*)
	request_loop
	opt_out ;;
esac
case ${ENGINE_CPPFLAGS-} in
*LIBPQ*SQLITE*)
	"$top_builddir/tests/support/with-servers" "${SHELL:-/bin/sh}" "$0" ||
		complain "on real servers it does not work" ;;
esac
finish
