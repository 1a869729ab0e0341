#!/bin/sh
# Nothing unfinished, dead or of one machine is left in the tree.
. "$(dirname "$0")/lib.sh"
cd "$top_srcdir" || exit 99

# What is ours: not what autotools or a build put here.
list() {
	find . \( -name .git -o -name build -o -name build-aux -o -name autom4te.cache \
		-o -name '*.reports' -o -name .deps -o -name .libs \) -prune -o -type f \
		\( -name '*.[ch1-9]' -o -name '*.def' -o -name '*.sh' -o -name '*.am' -o -name '*.md' \
		-o -name '*.in' -o -name '*.map' -o -name configure.ac -o -name quickstart \
		-o -path ./.ci/run \) ! -name Makefile.in -print | LC_ALL=C sort
}

look_for() { # WHAT REGEX
	for file in $(list); do
		[ "$file" = ./tests/lint/leftovers.sh ] && continue
		found=$(grep -nE "$2" "$file") || continue
		complain "$file: $1: $found"
	done
}

look_for "unfinished" '\b(TO[D]O|FIX[M]E|XX[X])\b'
look_for "dead code" '^[[:space:]]*#[[:space:]]*if (0|1)\b'
look_for "a path of one machine" '/(home|Users|work|root)/[A-Za-z0-9._-]+/'
look_for "white space at the end of a line" '[[:blank:]]+$'
finish
