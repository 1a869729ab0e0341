#!/bin/sh
# Every source is as .clang-format wants it; `make format` mends it.
. "$(dirname "$0")/lib.sh"
need clang-format
cd "$top_srcdir" || exit 99
for file in $(sources); do
	clang-format --dry-run -Werror "$file" >/dev/null 2>&1 || complain "$file: not formatted"
done
finish
