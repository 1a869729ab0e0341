#!/bin/sh
# Mutation testing: makes every mistake of mutants.list, one at a time, in a copy
# of its file that is linked before the library, and expects one of its tests to
# fail. The build folder is not changed. Run by make check-mutants.
#
# SQLA_MUTANTS=WORD	only mutants of files, or with texts, that have WORD
set -u

here=$(dirname "$0")
only=${SQLA_MUTANTS-}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sqla-mutants.XXXXXX") || exit 99
trap 'rm -rf "$scratch"' EXIT
trap 'exit 99' HUP INT TERM
file='' tests='' old='' number=0 missed=0 broken=0

# Called by make, a make would say where it enters and leaves.
unset MAKEFLAGS MFLAGS MAKELEVEL

# What make knows about a program: variable NAME, with / and - as _.
make_says() {
	make -s --no-print-directory -C "$top_builddir" --eval="mutants-print: ; @echo \$($1)" mutants-print
}

# Makes the mistake in $scratch/mutant.c. A line that is not there once: 1.
mutate() {
	OLD=$old NEW=$new awk '
		{ text = $0; sub(/^[ \t]+/, "", text) }
		text == ENVIRON["OLD"] { n++; $0 = ENVIRON["NEW"] }
		{ print }
		END { exit n != 1 }' "$top_srcdir/$file" >"$scratch/mutant.c"
}

# shellcheck disable=SC2086 # words are meant
compile() {
	$CC -std=gnu11 -g -O1 -pthread -D_GNU_SOURCE -I"$top_srcdir/include" \
		-I"$top_srcdir/lib" $CPPFLAGS $ENGINE_CPPFLAGS $BUILD_CPPFLAGS $TEST_CFLAGS \
		-c "$scratch/mutant.c" -o "$scratch/mutant.o" 2>"$scratch/errors"
}

# link PROGRAM OBJECT...: as make does, with the objects before the library.
link() {
	program=$1
	shift
	objects=$(make_says "$(echo "$program" | tr /- __)_OBJECTS")
	libraries=$(make_says LDADD)
	# shellcheck disable=SC2086 # words are meant
	(cd "$top_builddir" && ./libtool --silent --tag=CC --mode=link $CC -pthread \
		-o "$scratch/test" $objects "$@" $libraries) 2>"$scratch/errors"
}

passes() {
	timeout --kill-after=5 120 "$scratch/test" >"$scratch/said" 2>&1
}

# A test that fails anyway proves nothing.
check_unchanged() {
	for test in $tests; do
		grep -qsxF "$test" "$scratch/sound" && continue
		: >"$scratch/said"
		if ! link "$test" || ! passes; then
			echo "$test fails without any mistake:"
			cat "$scratch/errors" "$scratch/said"
			exit 1
		fi
		echo "$test" >>"$scratch/sound"
	done
}

# Prints who found it; 1: nobody.
find_out() {
	for test in $tests; do
		if ! link "$test" "$scratch/mutant.o"; then
			cat "$scratch/errors"
			return 1
		fi
		passes && continue
		name=$(sed -n 's/.*\[FAIL\] \([^ ]*\):.*/\1/p' "$scratch/said" | head -n 1)
		echo "found by $test, ${name:-at its end}"
		return 0
	done
	return 1
}

try() {
	case "$file $old" in *"$only"*) ;; *) return ;; esac
	number=$((number + 1))
	if ! mutate; then
		echo "$file: not there, or not once: $old"
		broken=$((broken + 1))
		return
	fi
	if ! compile; then
		echo "$file: does not compile: $new"
		cat "$scratch/errors"
		broken=$((broken + 1))
		return
	fi
	check_unchanged
	if by=$(find_out); then
		echo "$file: $new: $by"
	else
		echo "$file: NOT FOUND: $new, for $old"
		missed=$((missed + 1))
	fi
}

make -s -C "$top_builddir" Makefile >/dev/null || exit 99
while IFS= read -r line; do
	case $line in
	"file "*)	file=${line#file } ;;
	"tests "*)	tests=${line#tests } ;;
	"- "*)		old=${line#- } ;;
	"+ "*)		new=${line#+ }
			try </dev/null ;;
	"" | "#"*)	;;
	*)		echo "mutants.list: what is this: $line"
			exit 99 ;;
	esac
done <"$here/mutants.list"

echo "$number mistakes, $missed not found, $broken that could not be made"
[ $((missed + broken)) -eq 0 ] && [ "$number" -gt 0 ]
