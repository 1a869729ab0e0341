#!/bin/sh
# 50 clients order at once: what was acknowledged was ordered, once, the goods
# are missing in the stock, and neither memory nor connections grow. 3 seconds;
# with SQLA_TEST_LONG=1 a minute.
. "$top_srcdir/tests/lint/lib.sh"
. "$top_srcdir/tests/webshop/lib.sh"
need psql sqlite3 curl jq wrk
need_shop

if [ -z "${SQLASSIST_EXAMPLE_PG-}" ]; then
	exec "$top_builddir/tests/support/with-servers" -n 2 "${SHELL:-/bin/sh}" "$0"
fi

seconds=3
[ "${SQLA_TEST_LONG-}" = 1 ] && seconds=60
make_scratch
clean_up() {
	[ -n "${shop-}" ] && kill "$shop" 2>/dev/null && wait "$shop"
	rm -rf "$scratch"
}
trap clean_up EXIT

# configure ORDERS-URL
configure() {
	cat >"$scratch/shop.ini" <<-END
		[engine:stock]
		url = $SQLASSIST_EXAMPLE_PG
		pool_size = 10
		keep_decisions = 2
		[engine:orders]
		url = $1
		pool_size = 10
		keep_decisions = 2
	END
}

# load RUN SECONDS: RUN makes the orders' names differ from another run's.
load() {
	RUN=$1 ORDERS=$scratch/acknowledged.$1 wrk -t 2 -c 50 -d "$2" --timeout 30 \
		-s "$top_srcdir/tests/webshop/load.lua" "$url" >"$scratch/wrk" 2>&1 ||
		complain "wrk fails: $(cat "$scratch/wrk")"
	sed -n 's/^Requests\/sec: */	orders a second: /p' "$scratch/wrk"
	grep 'Non-2xx or 3xx' "$scratch/wrk" && complain "orders were refused"
	cat "$scratch/acknowledged.$1".* >>"$scratch/acknowledged"
}

is_quiet() {
	[ "$(curl -s "$url/_sqlassist.json" |
		jq '[.engines[].pool | .open - .idle] | add')" = 0 ]
}

descriptors() {
	find "/proc/$shop/fd" -type l 2>/dev/null | wc -l
}

# Those of full pools, and no more: those of 50 clients, or of a leak, would be
# many more.
is_alone() {
	[ "$(descriptors)" -le $((descriptors_at_start + 30)) ] && is_quiet
}

memory() {
	awk '/^VmRSS/ { print $2 }' "/proc/$shop/status"
}

# Every order that was acknowledged is there, and the goods of every order that
# is there are missing in the stock.
reckon() {
	orders_sql 'SELECT token FROM customer_order' | LC_ALL=C sort >"$scratch/there"
	LC_ALL=C sort -u "$scratch/acknowledged" >"$scratch/told"
	told=$(wc -l <"$scratch/told")
	there=$(wc -l <"$scratch/there")
	lost=$(LC_ALL=C comm -23 "$scratch/told" "$scratch/there" | wc -l)
	echo "	$told orders acknowledged, $there there"
	[ "$told" -gt 0 ] || complain "nothing was ordered"
	[ "$lost" -eq 0 ] || complain "$lost acknowledged orders are lost"
	# wrk hangs up on what is under way at the end of each of two runs.
	[ $((there - told)) -le 100 ] || complain "$there orders of $told acknowledged"
	for good in 1 2 3 4; do
		ordered=$(orders_sql "SELECT coalesce(sum(quantity), 0)
			FROM customer_order WHERE good = $good")
		left=$(stock_sql "SELECT quantity FROM good WHERE id = $good")
		[ $((left + ordered)) -eq 1000000 ] ||
			complain "good $good: $left left and $ordered ordered make no 1000000"
	done
	[ "$(in_doubt)" = 0 ] || complain "something is in doubt"
}

# The first orders fill pools and caches, and the list of decisions that are to be
# forgotten in keep_decisions seconds; behind them nothing may grow.
round() {
	: >"$scratch/acknowledged"
	start_shop
	stock_sql 'UPDATE good SET quantity = 1000000' >/dev/null
	descriptors_at_start=$(descriptors)
	load 1 4
	until_true 40 is_alone || complain "clients have left, and connections stay"
	memory_before=$(memory)
	load 2 $seconds
	until_true 40 is_alone || complain "clients have left, and connections stay"
	memory_after=$(memory)
	echo "	memory $memory_before kB, then $memory_after kB"
	# Sanitizers keep what is freed.
	[ "${SANITIZER:-no}" != no ] || [ $((memory_after - memory_before)) -le 4096 ] ||
		complain "memory grows"
	reckon
	stop_shop
}

echo "orders in SQLite:"
configure "sqlite:///$scratch/orders.db"
round
echo "orders in another PostgreSQL server:"
configure "$SQLASSIST_EXAMPLE_PG2"
orders_sql() {
	psql -qXtA "$SQLASSIST_EXAMPLE_PG2" -c "$1"
}
round
[ "$complaints" -eq 0 ] || tail -n 30 "$scratch/shop.err"
finish
