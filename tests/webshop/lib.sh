# Sourced by the tests of examples/webshop, behind tests/lint/lib.sh: a shop to
# start and stop on the servers of with-servers, and a look at its databases.
shop_program=$top_builddir/examples/webshop/webshop

need_shop() {
	[ -x "$shop_program" ] && return
	echo "examples/webshop is not built: install libmicrohttpd (Debian:" \
		"libmicrohttpd-dev), then run configure again"
	[ "${CI-}" = true ] && exit 1
	exit 77
}

# until_true SECONDS COMMAND...: tries again and again; false: never within them.
until_true() {
	tries=$(($1 * 10))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

shop_url() {
	sed -n 's/^webshop: \(http:.*\)\/$/\1/p' "$scratch/shop.out"
}

# Serving, or dead.
shop_is_decided() {
	[ -n "$(shop_url)" ] || ! kill -0 "$shop" 2>/dev/null
}

# start_shop [VARIABLE=VALUE...]: sets $shop (its process) and $url.
start_shop() {
	: >"$scratch/shop.out"
	env "$@" "$shop_program" --config "$scratch/shop.ini" --port 0 --threads 8 \
		>"$scratch/shop.out" 2>>"$scratch/shop.err" &
	shop=$!
	until_true 30 shop_is_decided
	url=$(shop_url)
	[ -n "$url" ] && return
	cat "$scratch/shop.err"
	complain "the shop does not start"
	finish
}

# stop_shop: it must end well when told to.
stop_shop() {
	kill -TERM "$shop"
	wait "$shop" || complain "SIGTERM: exit status $?"
	shop=
}

stock_sql() {
	psql -qXtA "$SQLASSIST_EXAMPLE_PG" -c "$1"
}

orders_sql() {
	sqlite3 -cmd '.timeout 5000' "$scratch/orders.db" "$1"
}

# holds GOOD QUANTITY ORDERED: so many are in stock, and so many were ordered.
holds() {
	found="$(stock_sql "SELECT quantity FROM good WHERE id = $1") $(orders_sql \
		"SELECT coalesce(sum(quantity), 0) FROM customer_order WHERE good = $1")"
	[ "$found" = "$2 $3" ] || complain "good $1: in stock and ordered are $found, not $2 $3"
}

in_doubt() {
	stock_sql 'SELECT count(*) FROM pg_prepared_xacts'
}
