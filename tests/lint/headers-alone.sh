#!/bin/sh
# Each public header compiles alone, pedantic, as C11 and as C++; each internal
# one alone as the library is compiled.
. "$(dirname "$0")/lib.sh"
need g++
: "${CC:=cc}"
warnings="-Wall -Wextra -Wpedantic -Werror"

# shellcheck disable=SC2086 # lists of words
cd "$top_srcdir/include" && for header in $(find . -name '*.h' | sed 's,^\./,,' | LC_ALL=C sort); do
	printf '#include <%s>\nint lint_unused;\n' "$header" |
		$CC -std=c11 $warnings -Wshadow -Wconversion -Wstrict-prototypes -I. -fsyntax-only -x c - ||
		complain "$header: not alone as C11"
	for standard in c++11 c++20; do
		printf '#include <%s>\nint lint_unused;\n' "$header" |
			g++ -std=$standard $warnings -Wconversion -I. -fsyntax-only -x c++ - ||
			complain "$header: not alone as $standard"
	done
done
# shellcheck disable=SC2086
cd "$top_srcdir/lib" && for header in $(find . -name '*.h' | sed 's,^\./,,' | LC_ALL=C sort); do
	case $header in
	postgres/*) echo "${ENGINE_CPPFLAGS-}" | grep -q LIBPQ || continue ;;
	sqlite/*) echo "${ENGINE_CPPFLAGS-}" | grep -q SQLITE || continue ;;
	esac
	printf '#include "%s"\nint lint_unused;\n' "$header" |
		$CC -std=gnu11 -D_GNU_SOURCE $warnings -I. -I../include ${TEST_CFLAGS-} \
			-fsyntax-only -x c - ||
		complain "lib/$header: not alone"
done
finish
