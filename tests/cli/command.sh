#!/bin/sh
# What `sqlassist` says and how it exits: bad usage, then SQLite alone, then
# what a real server has in doubt.
. "$top_srcdir/tests/lint/lib.sh"
. "$top_srcdir/tests/cli/lib.sh"
make_scratch
bad() { # COMPLAINT ARG...
	text=$1
	shift
	run 2 "$@"
	complains "$text"
	complains 'try sqlassist --help'
}

usage() {
	bad 'a command is missing'
	bad 'there is no command "frob"' frob
	bad 'no engines' status
	bad 'NAME=URL' --engine nonsense status
	bad 'NAME=URL' status --engine =sqlite:///x
	bad "'--frob'" status --frob
	bad 'argument' recover --grace
	bad 'not "soon"' recover --grace soon
	bad 'not "0"' recover --fence 0
	bad 'not "9999999999999999999"' recover --watch --interval 9999999999999999999
	bad '--interval is for --watch' recover --interval 3
	bad 'too many: "two"' doctor --engine "a=sqlite:///$scratch/a" one two
	bad 'exclude each other' doctor --sql --purge-tombstones
	run 2 --config "$scratch/no-such-file.ini" status
	complains no-such-file.ini
	run 2 --engine 'a=oracle://secret:word@there/x' status
	grep -q word "$scratch/err" && complain "a password is shown"
	run 0 --help
	says 'usage: sqlassist'
	run 0 recover --help
	says '--fence SECONDS'
	run 0 --version
	says 'sqlassist 0'
}

# make_hot FILE: its shell is killed when some of a transaction is in it.
make_hot() {
	sqlite3 "$1" 'CREATE TABLE IF NOT EXISTS t(x)' || exit 99
	sqlite3 "$1" 'PRAGMA cache_size = 1' 'BEGIN' 'WITH RECURSIVE n(i) AS
		(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
		INSERT INTO t SELECT hex(randomblob(500)) FROM n' \
		'.shell kill -KILL $PPID' >/dev/null 2>&1
	[ -s "$1-journal" ] || complain "no journal is left beside $1"
}

left_behind() {
	file=$scratch/hot.db
	make_hot "$file"
	set -- --engine "till=sqlite:///$file"
	for option in '' --json; do
		# shellcheck disable=SC2086
		run 0 "$@" status $option
		says "$file-journal"
		says 'It rolls the file back'
		[ -s "$file-journal" ] || complain "status $option has dealt with the journal"
	done
	says '"effect": "rollback"'
	says '"result": "left"'
	run 0 "$@" recover
	says 'it was dealt with'
	[ ! -e "$file-journal" ] || complain "recover leaves the journal"
	run 0 "$@" status --json
	says '"leftovers": []'
	make_hot "$file"
	run 0 "$@" doctor
	says 'It rolls the file back'
}

sqlite() {
	file=$scratch/till.db
	run 3 status --engine "till=sqlite:///$file"
	says 'engine till could not be asked'
	run 3 status --json --engine "till=sqlite:///$file"
	says '"engine": "till"'
	[ ! -e "$file" ] || complain "status made the file"
	run 3 doctor --engine "till=sqlite:///$file"
	sqlite3 "$file" 'CREATE TABLE t(x)' || exit 99
	run 0 status --engine "till=sqlite:///$file"
	says 'nothing is in doubt'
	run 0 recover --engine "till=sqlite:///$file"
	says '0 committed'
	printf '[engine:till]\nurl = sqlite:///%s\n' "$file" >"$scratch/engines.ini"
	run 0 --config "$scratch/engines.ini" status --json
	says '"branches": []'
	run 0 --config "$scratch/engines.ini" doctor
	says till
	run 0 --config "$scratch/engines.ini" doctor --json till
	says '"findings"'
	run 2 --config "$scratch/engines.ini" doctor nobody
	run 0 --config "$scratch/engines.ini" doctor --sql
	says 'sqlassist_decision'
	run 0 --config "$scratch/engines.ini" doctor --purge-tombstones
	says 'till: 0 tombstones forgotten'
	run 0 --config "$scratch/engines.ini" panel
	says '"in_doubt"'
	says '"name": "till"'
	run 0 --config "$scratch/engines.ini" panel --html
	says '<!doctype html>'
	says 'Nothing is in doubt'
	run 0 --config "$scratch/engines.ini" panel --prometheus
	says 'sqlassist_in_doubt_branches 0'
	bad 'exclude each other' --config "$scratch/engines.ini" panel --json --html
	run 3 panel --engine "gone=sqlite:///$scratch/gone" --prometheus
	says 'sqlassist_recovery_unreachable 1'
	if [ -w /dev/full ]; then
		"$sqlassist" --config "$scratch/engines.ini" status >/dev/full 2>"$scratch/err"
		[ $? -eq 2 ] || complain "a full disk is not noticed"
	fi
}

# config LINE...: the file engines.ini has these lines.
config() {
	printf '%s\n' "$@" >"$scratch/engines.ini"
}

no_secret() {
	grep -q 'hunter' "$scratch/out" "$scratch/err" && complain "a password is shown"
}

# What doctor says of a file with a mistake, and of engines that are not there.
doctor_of_a_file() {
	good="url = sqlite:///$scratch/till.db"
	config '[engine:till]' "$good" '' '[engine:bank]' \
		'url = postgresql://u:hunter2@127.0.0.1:1/x' 'pool_sise = 3'
	run 2 doctor --config "$scratch/engines.ini"
	complains "$scratch/engines.ini:6: engine \"bank\" has no option \"pool_sise\""
	no_secret
	config '[engine:till]' 'url = sqlite://${NO_SUCH_VARIABLE}'
	run 2 doctor --config "$scratch/engines.ini"
	complains "$scratch/engines.ini:2: the environment variable NO_SUCH_VARIABLE is not set"
	config '[engine:bank]' 'url = postgresql://u:hunter@2@h/x'
	run 2 doctor --config "$scratch/engines.ini"
	complains "$scratch/engines.ini:2: the URL is ambiguous"
	no_secret
	run 2 doctor --config "$scratch/no-such.ini"
	complains 'no-such.ini'

	# One that cannot be reached keeps nobody from examining the others.
	config '[engine:bank]' 'url = postgresql://u:${SECRET}@127.0.0.1:1/x' \
		'[engine:gone]' "url = sqlite:///$scratch/no-such/folder/x.db" \
		'[engine:till]' "$good"
	SECRET=hunter2
	export SECRET
	run 3 doctor --config "$scratch/engines.ini"
	says '127.0.0.1:1'
	says 'no-such/folder'
	says 'journal'
	no_secret
	run 3 doctor --json --config "$scratch/engines.ini"
	says '"worst": "error"'
	no_secret
	run 0 doctor --config "$scratch/engines.ini" till
	run 3 doctor --config "$scratch/engines.ini" gone
	run 3 status --config "$scratch/engines.ini"
	no_secret
}

# What libpq knows of files and variables goes on working in a config file.
doctor_by_service() {
	{
		echo '[shop]'
		psql -qXtA "$SQLASSIST_EXAMPLE_PG" -c "SELECT 'host=' || setting
			FROM pg_settings WHERE name = 'unix_socket_directories'
			UNION ALL SELECT 'port=' || setting FROM pg_settings WHERE name = 'port'
			UNION ALL SELECT 'user=' || current_user
			UNION ALL SELECT 'dbname=' || current_database()"
	} >"$scratch/services"
	printf '[engine:bank]\nurl = postgresql:///?service=shop&passfile=%s\n' \
		"$scratch/pgpass" >"$scratch/engines.ini"
	run 3 doctor --config "$scratch/engines.ini"
	PGSERVICEFILE=$scratch/services "$sqlassist" doctor --config "$scratch/engines.ini" \
		>"$scratch/out" 2>"$scratch/err" || complain "a service: exit status $?"
	says 'prepared'
}

watching() { # SIGNAL
	: >"$scratch/out"
	"$sqlassist" --config "$scratch/engines.ini" recover --watch --interval 1 --json \
		>"$scratch/out" 2>"$scratch/err" &
	watcher=$!
	tries=0
	until [ "$(wc -l <"$scratch/out")" -ge 2 ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || break
		sleep 0.1
	done
	kill -"$1" $watcher
	wait $watcher || complain "recover --watch: exit status $? at SIG$1"
	[ "$(grep -c '^{.*}$' "$scratch/out")" -ge 2 ] ||
		complain "recover --watch --json: no line for each pass"
}

uuid=5d4f2f80-4c1e-4b62-8a57-0d1d5e1c7a0

prepare() { # NUMBER
	psql -qX "$SQLASSIST_EXAMPLE_PG" -c "BEGIN; INSERT INTO sale VALUES ($1);
		PREPARE TRANSACTION 'sqla1.$uuid$1.1.$site.till'" || exit 99
}

in_doubt() {
	set -- --engine "till=sqlite:///$scratch/till.db" --engine "bank=$SQLASSIST_EXAMPLE_PG"
	run 0 "$@" doctor --sql till
	"$sqlassist" "$@" doctor --sql till | sqlite3 "$scratch/till.db" || exit 99
	site=$(sqlite3 "$scratch/till.db" \
		"SELECT txn FROM sqlassist_decision WHERE verdict = 'site'")
	psql -qX "$SQLASSIST_EXAMPLE_PG" -c 'CREATE TABLE sale(id int)' || exit 99
	prepare 1
	prepare 2
	sqlite3 "$scratch/till.db" "INSERT INTO sqlassist_decision(txn, verdict, branches)
		VALUES ('${uuid}1', 'committed', '$site=sqla1.${uuid}1.1.$site.till')" || exit 99

	run 1 "$@" status
	says 'young'
	run 1 "$@" panel --prometheus
	says 'sqlassist_in_doubt_branches 0'
	says 'sqlassist_young_branches 2'
	run 1 "$@" recover --dry-run --grace 0
	says 'commit: the decision is there'
	says 'rollback: it can never commit'
	says '2 in doubt'
	run 1 "$@" recover --dry-run --grace 0 --json
	says '"verdict": "commit"'
	says '"result": "left"'
	run 0 "$@" recover --grace 0
	says '1 committed, 1 rolled back, 0 left'
	run 0 "$@" status
	says 'nothing is in doubt'
	found=$(psql -qXtA "$SQLASSIST_EXAMPLE_PG" -c 'SELECT id FROM sale')
	[ "$found" = 1 ] || complain "the sales are \"$found\" instead of 1"

	prepare 3
	run 1 --engine "bank=$SQLASSIST_EXAMPLE_PG" recover --grace 0
	says 'unknown: it cannot be said now'
	says 'then called "till"'
	run 0 "$@" recover --grace 0
	run 0 "$@" doctor --json
	says '"engine": "bank"'
}

if [ -n "${SQLASSIST_EXAMPLE_PG-}" ]; then
	sqlite3 "$scratch/till.db" 'CREATE TABLE t(x)' || exit 99
	in_doubt
	doctor_by_service
	finish
fi
usage
case ${ENGINE_CPPFLAGS-} in
*SQLITE*)
	need sqlite3
	sqlite
	left_behind
	watching TERM
	watching INT ;;
esac
case ${ENGINE_CPPFLAGS-} in
*LIBPQ*SQLITE*)
	need psql
	doctor_of_a_file
	"$top_builddir/tests/support/with-servers" "${SHELL:-/bin/sh}" "$0" ||
		complain "with a real server it does not work" ;;
esac
finish
