#!/bin/sh
# examples/declared-tables creates its tables and uses them, and `sqlassist
# doctor --tables` finds what somebody has changed about them.
. "$top_srcdir/tests/lint/lib.sh"
need psql sqlite3
make_scratch
example=$top_builddir/examples/declared-tables
sqlassist=$top_builddir/sqlassist
tables=$scratch/tables.json

# doctor STATUS URL OPTION...: its exit status; keeps what it wrote.
doctor() {
	wanted=$1
	url=$2
	shift 2
	"$sqlassist" --engine "library=$url" doctor "$@" >"$scratch/out" 2>"$scratch/err"
	status=$?
	[ $status -eq "$wanted" ] && return
	complain "doctor $*: exit status $status instead of $wanted"
	cat "$scratch/out" "$scratch/err"
}

says() { # TEXT
	grep -qF -- "$1" "$scratch/out" "$scratch/err" && return
	complain "doctor does not say \"$1\":"
	cat "$scratch/out" "$scratch/err"
}

on_engine() { # URL CLIENT...
	url=$1
	shift
	for _ in 1 2; do
		"$example" "$url" "$tables" >"$scratch/said" || complain "$url: the example fails"
		grep -q 'Notes, bought 20' "$scratch/said" || complain "$url: no books are listed"
	done
	doctor 0 "$url" --tables "$tables"
	says 'the tables are as they are declared'
	"$@" 'DROP INDEX ix_book_title' || exit 99
	doctor 1 "$url" --tables "$tables"
	says 'table book, index ix_book_title: is declared, and missing'
	"$@" 'CREATE INDEX ix_book_title ON book (title)' || exit 99
	"$@" 'CREATE TABLE stranger (i int)' || exit 99
	doctor 0 "$url" --tables "$tables" --json
	says '"message": "table stranger: is not declared'
	says '"worst": "warning"'
}

if [ -n "${SQLASSIST_EXAMPLE_PG-}" ]; then
	on_engine "$SQLASSIST_EXAMPLE_PG" psql -qX "$SQLASSIST_EXAMPLE_PG" -c
	finish
fi

"$example" 2>/dev/null && complain "no arguments: exit status 0"
"$example" nonsense:// 2>/dev/null && complain "a bad URL: exit status 0"
case ${ENGINE_CPPFLAGS-} in
*SQLITE*)
	on_engine "sqlite:///$scratch/library.db" sqlite3 "$scratch/library.db"
	file=sqlite:///$scratch/none.db
	doctor 3 "$file" --tables "$tables"
	[ ! -e "$scratch/none.db" ] || complain "doctor --tables made the file"
	doctor 2 "$file" --tables "$scratch/no-such-file"
	says no-such-file
	echo '{"tables": 3}' >"$scratch/wrong.json"
	doctor 2 "$file" --tables "$scratch/wrong.json"
	: >"$scratch/empty.json"
	doctor 2 "$file" --tables "$scratch/empty.json"
	says 'this is no JSON'
	doctor 2 "$file" --tables "$tables" --sql
	says '--tables goes with'
	doctor 2 "$file" --tables "$tables" --engine "other=$file"
	says 'name it' ;;
esac
case ${ENGINE_CPPFLAGS-} in
*LIBPQ*SQLITE*)
	"$top_builddir/tests/support/with-servers" "${SHELL:-/bin/sh}" "$0" ||
		complain "on real servers it does not work" ;;
esac
finish
