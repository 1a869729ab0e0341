#!/bin/sh
# Links every name in the NAME section of a page of section 3 to its page.
# usage: links.sh install|uninstall DIR PAGE...
set -eu
action=$1
dir=$2
shift 2
for page; do
	file=${page##*/}
	[ "${file##*.}" = 3 ] || continue
	for name in $(awk '/^\.Sh/ { in_name = $2 == "NAME" } in_name && /^\.Nm/ { print $2 }' "$page"); do
		[ "$name.3" = "$file" ] && continue
		case $action in
		install) ln -sf "$file" "$dir/$name.3" ;;
		uninstall) rm -f "$dir/$name.3" ;;
		esac
	done
done
