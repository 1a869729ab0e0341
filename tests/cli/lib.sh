# Sourced by the tests of the command, behind tests/lint/lib.sh: runs it in
# $scratch, and asks what it said there.
sqlassist=$top_builddir/sqlassist

# run STATUS ARG...: the exit status must be STATUS; keeps what it wrote.
run() {
	wanted=$1
	shift
	"$sqlassist" "$@" >"$scratch/out" 2>"$scratch/err"
	status=$?
	[ $status -eq "$wanted" ] && return
	complain "sqlassist $*: exit status $status instead of $wanted"
	cat "$scratch/out" "$scratch/err"
}

expect() { # WHAT TEXT FILE...
	what=$1
	text=$2
	shift 2
	cat "$@" | grep -qF -e "$text" && return
	complain "does not $what \"$text\":"
	cat "$scratch/out" "$scratch/err"
}

# says TEXT: the latest command wrote it on stdout; complains: on stderr; tells: on
# either.
says() {
	expect say "$1" "$scratch/out"
}

complains() {
	expect complain "$1" "$scratch/err"
}

tells() {
	expect tell "$1" "$scratch/out" "$scratch/err"
}
