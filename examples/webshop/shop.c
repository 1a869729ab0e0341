#include "shop.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- setting up -------------------------------------------------------------- */

/* The same SQL on PostgreSQL and SQLite. */
static const char stock_table[] =
	"CREATE TABLE IF NOT EXISTS good("
	"id integer PRIMARY KEY, name varchar(60) NOT NULL, cents integer NOT NULL,"
	"quantity integer NOT NULL CHECK (quantity >= 0))";
static const char orders_table[] =
	"CREATE TABLE IF NOT EXISTS customer_order("
	"token varchar(32) PRIMARY KEY, good integer NOT NULL, name varchar(60) NOT NULL,"
	"quantity integer NOT NULL CHECK (quantity > 0), cents bigint NOT NULL,"
	"customer varchar(60) NOT NULL, ordered_at bigint NOT NULL)";
static const char orders_index[] =
	"CREATE INDEX IF NOT EXISTS customer_order_by_time ON customer_order(ordered_at)";

static int fill_stock(struct sqla_session *stock)
{
	static const struct good goods[] = {
		{ .id = 1, .name = "Conference pears, 1 kg", .cents = 389, .quantity = 40 },
		{ .id = 2, .name = "Topaz apples, 1 kg", .cents = 329, .quantity = 60 },
		{ .id = 3, .name = "Damsons, 500 g", .cents = 279, .quantity = 25 },
		{ .id = 4, .name = "Lemons, net of five", .cents = 249, .quantity = 30 },
	};
	int status = 0;

	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]) && status >= 0; i++)
		status = sqla_exec(stock,
				   "INSERT INTO good(id, name, cents, quantity) "
				   "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
				   sqla_int(goods[i].id), sqla_text(goods[i].name),
				   sqla_int(goods[i].cents), sqla_int(goods[i].quantity));
	return status;
}

static int make_tables(void *unused)
{
	struct sqla_session *stock = NULL, *orders = NULL;
	int status = sqla_session_open("stock", &stock);

	(void)unused;
	if (status >= 0)
		status = sqla_session_open("orders", &orders);
	if (status >= 0)
		status = sqla_exec(stock, stock_table);
	if (status >= 0)
		status = fill_stock(stock);
	if (status >= 0)
		status = sqla_exec(orders, orders_table);
	if (status >= 0)
		status = sqla_exec(orders, orders_index);
	sqla_session_close(orders);
	sqla_session_close(stock);
	return status;
}

int shop_set_up(void)
{
	return txn_run(3, make_tables, NULL);
}

/* ---- reading ------------------------------------------------------------------- */

static void copy_text(char *ret, size_t size, struct sqla_rows *rows, int column)
{
	const char *text = sqla_rows_text(rows, column);

	(void)snprintf(ret, size, "%s", text ? text : "");
}

int shop_goods(struct sqla_request *rq, struct good goods[SHOP_GOODS])
{
	struct sqla_session *stock = sqla_request_session(rq, "stock");
	struct sqla_rows *rows = NULL;
	int n = 0, status;

	if (!stock)
		return sqla_error_last()->status;
	status = sqla_query(stock, &rows,
			    "SELECT id, name, cents, quantity FROM good ORDER BY id LIMIT $1",
			    sqla_int(SHOP_GOODS));
	while (status >= 0 && n < SHOP_GOODS && (status = sqla_rows_next(rows)) > 0) {
		struct good *good = &goods[n++];

		good->id = sqla_rows_int(rows, 0);
		copy_text(good->name, sizeof(good->name), rows, 1);
		good->cents = sqla_rows_int(rows, 2);
		good->quantity = sqla_rows_int(rows, 3);
	}
	if (status >= 0)
		status = sqla_rows_close(rows);
	else
		(void)sqla_rows_close(rows);
	return status < 0 ? status : n;
}

#define ORDER_COLUMNS "token, good, name, quantity, cents, customer, ordered_at"

static void read_order(struct sqla_rows *rows, struct order *order)
{
	copy_text(order->token, sizeof(order->token), rows, 0);
	order->good = sqla_rows_int(rows, 1);
	copy_text(order->name, sizeof(order->name), rows, 2);
	order->quantity = sqla_rows_int(rows, 3);
	order->cents = sqla_rows_int(rows, 4);
	copy_text(order->customer, sizeof(order->customer), rows, 5);
	order->ordered_at = sqla_rows_int(rows, 6);
}

/* Reads at most MOST orders and closes ROWS; STATUS is that of the query. */
static int read_orders(struct sqla_rows *rows, int status, struct order orders[], int most)
{
	int n = 0;

	while (status >= 0 && n < most && (status = sqla_rows_next(rows)) > 0)
		read_order(rows, &orders[n++]);
	if (status >= 0)
		status = sqla_rows_close(rows);
	else
		(void)sqla_rows_close(rows);
	return status < 0 ? status : n;
}

int shop_recent(struct sqla_request *rq, struct order orders[SHOP_RECENT])
{
	struct sqla_session *session = sqla_request_session(rq, "orders");
	struct sqla_rows *rows = NULL;
	int status;

	if (!session)
		return sqla_error_last()->status;
	status = sqla_query(session, &rows,
			    "SELECT " ORDER_COLUMNS " FROM customer_order "
			    "ORDER BY ordered_at DESC, token LIMIT $1",
			    sqla_int(SHOP_RECENT));
	return read_orders(rows, status, orders, SHOP_RECENT);
}

int shop_find(struct sqla_request *rq, const char *token, struct order *ret_order)
{
	struct sqla_session *session = sqla_request_session(rq, "orders");
	struct sqla_rows *rows = NULL;
	int status;

	if (!session)
		return sqla_error_last()->status;
	status = sqla_query(session, &rows,
			    "SELECT " ORDER_COLUMNS " FROM customer_order WHERE token = $1",
			    sqla_text(token));
	return read_orders(rows, status, ret_order, 1);
}

/* ---- ordering ------------------------------------------------------------------- */

/* What it costs and is called today; 1, 0 for no such good, or negative. */
static int price(struct sqla_session *stock, struct order *order)
{
	struct sqla_rows *rows = NULL;
	int status = sqla_query(stock, &rows, "SELECT name, cents FROM good WHERE id = $1",
				sqla_int(order->good));
	int found = status < 0 ? status : sqla_rows_next(rows);

	if (found > 0) {
		copy_text(order->name, sizeof(order->name), rows, 0);
		order->cents = sqla_rows_int(rows, 1) * order->quantity;
	}
	status = sqla_rows_close(rows);
	return status < 0 ? status : found;
}

/* Noted first, on purpose: if the stock does not suffice, it is the transaction
 * that takes the note back. */
static int note_order(struct sqla_session *orders, struct order *order)
{
	order->ordered_at = (int64_t)time(NULL);
	return sqla_exec(orders,
			 "INSERT INTO customer_order(" ORDER_COLUMNS ") "
			 "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (token) DO NOTHING",
			 sqla_text(order->token), sqla_int(order->good), sqla_text(order->name),
			 sqla_int(order->quantity), sqla_int(order->cents),
			 sqla_text(order->customer), sqla_int(order->ordered_at));
}

int shop_order(struct sqla_request *rq, struct order *order)
{
	struct sqla_session *stock = sqla_request_session(rq, "stock");
	struct sqla_session *orders = stock ? sqla_request_session(rq, "orders") : NULL;
	int status;

	if (!orders)
		return sqla_error_last()->status;
	status = price(stock, order);
	if (status <= 0)
		return status < 0 ? status : SHOP_NO_SUCH_GOOD;
	status = note_order(orders, order);
	if (status < 0)
		return status;
	if (sqla_session_affected(orders) == 0)
		return SHOP_ALREADY;
	status = sqla_exec(stock,
			   "UPDATE good SET quantity = quantity - $1 "
			   "WHERE id = $2 AND quantity >= $1",
			   sqla_int(order->quantity), sqla_int(order->good));
	if (status < 0)
		return status;
	return sqla_session_affected(stock) == 1 ? SHOP_ORDERED : SHOP_TOO_FEW;
}
