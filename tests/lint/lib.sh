# Sourced by the checks on form. They run in the build folder, with
# top_srcdir and top_builddir set (absolute; by hand, the source tree is both).
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${top_builddir:=$(pwd)}"
complaints=0

# need TOOL...: skips the check when a tool is missing; in CI that is a failure.
need() {
	for tool; do
		command -v "$tool" >/dev/null && continue
		echo "$tool is missing"
		[ "${CI-}" = true ] && exit 1
		exit 77
	done
}

complain() {
	echo "$*"
	complaints=$((complaints + 1))
}

# sources [NAME...]: our C files, relative to top_srcdir, where find's NAME
# patterns match; without one: *.c and *.h.
sources() {
	(cd "$top_srcdir" && find include lib cli tests examples bench -type f \
		-name "${1:-*.[ch]}" | LC_ALL=C sort)
}

# A folder for scratch files that goes away by itself, in $scratch.
make_scratch() {
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/sqla-lint.XXXXXX") || exit 99
	# shellcheck disable=SC2064 # now is the right time to expand it
	trap "rm -rf '$scratch'" EXIT
	trap 'exit 99' HUP INT TERM
}

finish() {
	[ "$complaints" -eq 0 ] && exit 0
	echo "$complaints complaints"
	exit 1
}
