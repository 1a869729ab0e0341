#!/bin/sh
# The complete programs in the EXAMPLES of section 3 compile without a warning
# and run. An example gets an empty folder as its current one. One that asks
# for SQLASSIST_EXAMPLE_PG (or _PG2) gets the URL of a private server from
# tests/support/with-servers; where that is not built it is compiled only.
. "$(dirname "$0")/lib.sh"
need awk
make_scratch
: "${CC:=cc}"

# Writes every literal block with an #include, in the EXAMPLES of PAGE, to
# OUT-1.c, OUT-2.c... mdoc's escapes are taken back.
extract() { # PAGE OUT
	awk -v out="$2" '
	/^\.Sh / { examples = $2 == "EXAMPLES" }
	examples && /^\.Bd .*-literal/ { block = 1; text = ""; next }
	/^\.Ed/ {
		if (block && text ~ /#include/)
			printf "%s", text > (out "-" ++n ".c")
		block = 0
		next
	}
	block {
		sub(/^\\&/, "")
		gsub(/\\&/, "")
		gsub(/\\-/, "-")
		gsub(/\\\(aq/, "\047")
		gsub(/\\\(dq/, "\"")
		gsub(/\\(e|\(rs)/, "\\")
		text = text $0 "\n"
	}' "$1"
}

build_example() { # SOURCE PROGRAM
	# shellcheck disable=SC2086 # lists of words
	"$top_builddir/libtool" --silent --mode=link --tag=CC $CC -std=gnu11 -D_GNU_SOURCE \
		-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Werror -pthread \
		${SANITIZER_CFLAGS-} -I"$top_srcdir/include" ${TEST_CFLAGS-} \
		"$1" -o "$2" "$top_builddir/libsqlassist.la" ${TEST_LIBS-}
}

run_example() { # PROGRAM SOURCE
	servers=$(grep -o 'SQLASSIST_EXAMPLE_PG[0-9]*' "$2" | sort -u | wc -l)
	with_servers=$top_builddir/tests/support/with-servers
	mkdir "$1.d" && cd "$1.d" || return 1
	if [ "$servers" -eq 0 ]; then
		timeout 60 "$1" </dev/null
	elif [ -x "$with_servers" ]; then
		timeout 120 "$with_servers" -n "$servers" "$1" </dev/null
	fi
}

count=0
for page in $(find "$top_srcdir/man" -name '*.3' | LC_ALL=C sort); do
	name=$(basename "$page" .3)
	extract "$page" "$scratch/$name"
	for source in "$scratch/$name"-*.c; do
		[ -e "$source" ] || continue
		count=$((count + 1))
		program=${source%.c}
		example="$name(3), example ${program##*-}"
		if ! build_example "$source" "$program" >"$program.log" 2>&1; then
			complain "$example: does not compile"
		elif grep -q 'int main' "$source" &&
			! (run_example "$program" "$source") >"$program.log" 2>&1; then
			complain "$example: failed when run"
		else
			continue
		fi
		sed 's/^/	/' "$program.log"
	done
done
echo "$count examples"
[ $count -gt 0 ] || complain "no page has an example"
finish
