#!/bin/sh
# README.md shows examples/transfer.c as it is, and that program moves money
# in both databases or in none.
. "$top_srcdir/tests/lint/lib.sh"
need psql sqlite3
make_scratch
transfer=$top_builddir/examples/transfer

if [ -z "${SQLASSIST_EXAMPLE_PG-}" ]; then
	sed -n '/^```c$/,/^```$/p' "$top_srcdir/README.md" | sed '/^```/d' >"$scratch/shown"
	sed '1,/^ \*\/$/d' "$top_srcdir/examples/transfer.c" >"$scratch/is"
	diff -u "$scratch/is" "$scratch/shown" || complain "README.md shows another example"
	"$transfer" 2>/dev/null && complain "no arguments: exit status 0"
	"$transfer" nonsense:// nonsense:// 5 2>/dev/null && complain "bad URLs: exit status 0"
	case ${ENGINE_CPPFLAGS-} in
	*LIBPQ*SQLITE*)
		"$top_builddir/tests/support/with-servers" "${SHELL:-/bin/sh}" "$0" ||
			complain "on real servers it does not work" ;;
	esac
	finish
fi

# Here: on the servers of with-servers.
till=$scratch/till.db
sqlite3 "$till" 'CREATE TABLE drawer(cents INTEGER CHECK (cents >= 0));
	INSERT INTO drawer VALUES (5000)' || exit 99
psql -qX "$SQLASSIST_EXAMPLE_PG" -c 'CREATE TABLE account(owner text, cents bigint)' \
	-c "INSERT INTO account VALUES ('shop', 100)" || exit 99

holds() { # TILL BANK
	found="$(sqlite3 "$till" 'SELECT cents FROM drawer') $(psql -qXtA "$SQLASSIST_EXAMPLE_PG" \
		-c "SELECT cents FROM account")"
	[ "$found" = "$1 $2" ] || complain "till and bank hold $found instead of $1 $2"
}

"$transfer" "sqlite:///$till" "$SQLASSIST_EXAMPLE_PG" 1999 || complain "paying in fails"
holds 3001 2099
"$transfer" "sqlite:///$till" "$SQLASSIST_EXAMPLE_PG" 9999 2>/dev/null &&
	complain "paying in more than there is succeeds"
holds 3001 2099
finish
