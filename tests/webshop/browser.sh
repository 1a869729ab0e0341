#!/bin/sh
# The web shop in a browser: an order changes both databases, an error changes
# none, what a killed server left is healed when it starts again, and the panel
# shows it. Screenshots stay in tests/webshop of the build folder.
. "$top_srcdir/tests/lint/lib.sh"
. "$top_srcdir/tests/webshop/lib.sh"
. "$top_srcdir/tests/webshop/webdriver.sh"
need psql sqlite3 curl jq chromium chromedriver
need_shop

if [ -z "${SQLASSIST_EXAMPLE_PG-}" ]; then
	exec "$top_builddir/tests/support/with-servers" "${SHELL:-/bin/sh}" "$0"
fi

make_scratch
pictures=$top_builddir/tests/webshop
mkdir -p "$pictures"
cat >"$scratch/shop.ini" <<-END
	[engine:stock]
	url = $SQLASSIST_EXAMPLE_PG
	[engine:orders]
	url = sqlite:///$scratch/orders.db
END

clean_up() {
	stop_browser
	[ -n "${shop-}" ] && kill "$shop" 2>/dev/null && wait "$shop"
	rm -rf "$scratch"
}
trap clean_up EXIT

order() { # GOOD QUANTITY CUSTOMER
	fill "[data-good='$1'] [name=customer]" "$3"
	fill "[data-good='$1'] [name=quantity]" "$2"
	click "[data-good='$1'] button"
}

ordering() {
	go "$url/"
	sees 'Conference pears'
	order 1 3 'Ada <b>'
	sees 'Thank you, Ada <b>!'
	holds 1 37 3
	# The same form once more orders nothing more.
	back
	sees 'Conference pears'
	order 1 3 'Ada <b>'
	sees 'Thank you'
	holds 1 37 3
	go "$url/orders"
	sees 'for Ada <b>'
}

failing() {
	go "$url/"
	order 2 999 Bob
	sees 'Not enough in stock'
	holds 2 60 0
	go "$url/order/00000000000000000000000000000000"
	sees 'No such order'
	go "$url/nowhere"
	sees 'Nothing grows here'
	code=$(curl -s -o /dev/null -w '%{http_code}' -H 'Origin: http://elsewhere.example' \
		-d 'good=2&quantity=1&customer=Eve&token=ffffffffffffffffffffffffffffffff' \
		"$url/order")
	[ "$code" = 403 ] || complain "a form of another site is answered with $code"
	holds 2 60 0
}

# dying POINT: the shop dies there, inside the commit of an order.
dying() {
	stop_shop
	start_shop SQLASSIST_FAULT="$1:kill"
	go "$url/"
	order 3 2 Cora
	wait "$shop"
	[ $? -eq 137 ] || complain "$1: the shop is not killed"
	shop=
	[ "$(in_doubt)" = 1 ] || complain "$1: nothing is in doubt"
	start_shop
	[ "$(in_doubt)" = 0 ] || complain "$1: after the start something is in doubt"
}

recovering() {
	dying decide_after_send
	grep -q 'recovered: 1 committed, 0 rolled back' "$scratch/shop.err" ||
		complain "decided, and not committed"
	holds 3 23 2
	go "$url/orders"
	sees 'for Cora'
	dying decide_before_send
	grep -q 'recovered: 0 committed, 1 rolled back' "$scratch/shop.err" ||
		complain "not decided, and not rolled back"
	holds 3 23 2
}

looking() {
	go "$url/"
	screenshot "$pictures/shop.png" 1280
	screenshot "$pictures/shop-phone.png" 390
	resize 1280 800
	for quantity in 1 2 3; do
		go "$url/"
		order 4 $quantity Dora
		sees 'Thank you'
	done
	go "$url/"
	order 4 500 Dora
	sees 'Not enough'
	holds 4 24 6
	go "$url/orders?panel"
	sees 'Nothing is in doubt'
	sees 'START'
	sees 'INIT'
	sees 'POST /order'
	sees 'rolled back'
	screenshot "$pictures/panel.png" 1280
	screenshot "$pictures/panel-phone.png" 390
	prefer dark
	screenshot "$pictures/panel-dark.png" 1280
	go "$url/"
	screenshot "$pictures/shop-dark.png" 800
	prefer light
	go "$url/_sqlassist"
	sees 'Nothing is in doubt'
	curl -s "$url/metrics" |
		grep -q '^sqlassist_transactions_total{outcome="committed",phases="2"} [1-9]' ||
		complain "the metrics do not count the orders"
	curl -s "$url/_sqlassist.json" | jq -e '.totals.rolled_back >= 1' >/dev/null ||
		complain "the panel does not count what was rolled back"
}

start_shop
start_browser
ordering
failing
# Builds without fault points cannot be killed at one.
case ${BUILD_CPPFLAGS-} in
*FAULT_POINTS*) recovering ;;
esac
looking
stop_shop
[ "$complaints" -eq 0 ] || cat "$scratch/shop.err"
finish
