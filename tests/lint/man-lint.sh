#!/bin/sh
# mandoc finds nothing to say about our pages, and every reference to a page
# of ours leads somewhere.
. "$(dirname "$0")/lib.sh"
need mandoc
make_scratch
pages=$(find "$top_srcdir/man" -name '*.[1-9]' | LC_ALL=C sort)
[ -n "$pages" ] || complain "there are no pages"

# Whether a page, or a page's NAME, is called $1 in section $2.
is_ours() {
	for candidate in $pages; do
		case $candidate in
		*/"$1.$2") return 0 ;;
		*."$2") grep -qE "^\.Nm $1( ,)?$" "$candidate" && return 0 ;;
		esac
	done
	return 1
}

for page in $pages; do
	# Other people's pages need not be installed where ours are checked. Both
	# streams in one pipe would cut each other's lines.
	mandoc -T lint -W style "$page" >"$scratch/out" 2>"$scratch/err"
	said=$(cat "$scratch/out" "$scratch/err" |
		grep -vE 'referenced manual not found|operating system explicitly specified|Mdocdate|mandoc\.db')
	[ -z "$said" ] || complain "$said"
	for reference in $(sed -nE 's/^\.Xr ((sqla|txn)[^ ]*) ([1-9]).*/\1=\3/p' "$page"); do
		is_ours "${reference%=*}" "${reference#*=}" ||
			complain "$page: refers to ${reference%=*}(${reference#*=}), which is not there"
	done
done
finish
