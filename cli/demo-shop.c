#include "demo-shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist.h>

#define TILL_URL "sqlite:///till.db"

/* Long enough for a worker's turn at a file behind all the others. */
#define PATIENCE_MS 20000

int shop_complain(const char *what, int status)
{
	const struct sqla_error *e = sqla_error_last();

	fprintf(stderr, "sqlassist demo: %s: %s\n", what, sqla_strerror(status));
	if (e->message[0])
		fprintf(stderr, "  %s%s%s\n", e->engine, e->engine[0] ? ": " : "", e->message);
	if (e->hint[0])
		fprintf(stderr, "  %s\n", e->hint);
	return status;
}

bool shop_is_file(const char *ledger_url)
{
	return strncmp(ledger_url, "sqlite:", strlen("sqlite:")) == 0;
}

int shop_register(const char *ledger_url, enum shop_role role)
{
	const enum sqla_choice joined = role == SHOP_NAIVE_WORKER ? SQLA_NO : SQLA_YES;
	/* A worker that reads the outbox is going to write it: taking the write
	 * lock at once spares all of them the failed upgrades of "deferred". */
	const struct sqla_engine_options file = {
		.joined = joined,
		.isolation = role == SHOP_OWNER ? "deferred" : "immediate",
		.busy_timeout_ms = PATIENCE_MS,
	};
	const struct sqla_engine_options server = { .joined = joined };
	int r;

	r = sqla_engine_register(SHOP_TILL, TILL_URL, &file);
	if (r >= 0)
		r = sqla_engine_register(SHOP_LEDGER, ledger_url,
					 shop_is_file(ledger_url) ? &file : &server);
	return r < 0 ? shop_complain("cannot use the databases", r) : 0;
}

/* ---- filling ------------------------------------------------------------- */

/* The only file in a transaction may be in any mode, and is quicker in this one. The
 * mode cannot be changed inside a transaction. */
static int use_wal(void)
{
	const struct sqla_engine_options plain = { .joined = SQLA_NO, .autocommit = SQLA_YES };
	struct sqla_session *s = NULL;
	int r;

	r = sqla_engine_register("till setup", TILL_URL, &plain);
	if (r < 0)
		return r;
	r = sqla_session_open("till setup", &s);
	if (r >= 0)
		r = sqla_exec(s, "PRAGMA journal_mode = WAL");
	sqla_session_close(s);
	if (r >= 0)
		r = sqla_engine_unregister("till setup");
	return r;
}

static int make_sales(struct sqla_session *till, int sales)
{
	static const struct {
		const char *item;
		int cents;
	} wares[] = { { "espresso", 210 },  { "cappuccino", 320 }, { "apple cake", 390 },
		      { "croissant", 240 }, { "lemonade", 350 },   { "tea, a pot", 480 } };
	int r = 0;

	for (int id = 1; id <= sales && r >= 0; id++) {
		size_t i = (size_t)random() % (sizeof(wares) / sizeof(*wares));

		r = sqla_exec(till, "INSERT INTO sale(id, item, cents) VALUES ($1, $2, $3)",
			      sqla_int(id), sqla_text(wares[i].item),
			      sqla_int(wares[i].cents * (1 + random() % 4)));
	}
	if (r >= 0)
		r = sqla_exec(till, "INSERT INTO outbox(sale_id) SELECT id FROM sale");
	return r;
}

/* The ledger has no unique key on purpose: it would hide a doubled sale. */
static int fill(void *arg)
{
	const int *sales = arg;
	struct sqla_session *till = NULL, *ledger = NULL;
	int r;

	r = sqla_session_open(SHOP_TILL, &till);
	if (r >= 0)
		r = sqla_session_open(SHOP_LEDGER, &ledger);
	if (r >= 0)
		r = sqla_exec(till, "CREATE TABLE sale(id INTEGER PRIMARY KEY, item TEXT NOT NULL,"
				    " cents INTEGER NOT NULL)");
	if (r >= 0)
		r = sqla_exec(till, "CREATE TABLE outbox(sale_id INTEGER PRIMARY KEY)");
	if (r >= 0)
		r = make_sales(till, *sales);
	if (r >= 0)
		r = sqla_exec(ledger, "CREATE TABLE ledger(sale_id bigint, item text, cents bigint,"
				      " txn text, booked_at timestamptz DEFAULT"
				      " CURRENT_TIMESTAMP)");
	sqla_session_close(ledger);
	sqla_session_close(till);
	return r;
}

int shop_fill(const char *ledger_url, int sales)
{
	int r = shop_is_file(ledger_url) ? 0 : use_wal();

	if (r >= 0)
		r = txn_run(1, fill, &sales);
	return r < 0 ? shop_complain("cannot fill the till", r) : 0;
}

/* ---- looking ------------------------------------------------------------- */

/* The single number that SQL answers on ENGINE; NULL for no VALUE. */
static int64_t ask_number(const char *engine, const char *sql, const char *value)
{
	const struct sqla_value values[] = { sqla_text(value) };
	struct sqla_session *s = NULL;
	struct sqla_rows *rows = NULL;
	int64_t number = 0;
	int r, closed;

	r = sqla_session_open(engine, &s);
	if (r >= 0)
		r = sqla_query_array(s, &rows, sql, values, value ? 1 : 0);
	if (r >= 0)
		r = sqla_rows_next(rows);
	if (r > 0)
		number = sqla_rows_int(rows, 0);
	closed = sqla_rows_close(rows);
	if (r >= 0 && closed < 0)
		r = closed;
	if (r < 0)
		shop_complain("cannot look into the databases", r);
	sqla_session_close(s);
	txn_abort();
	return r < 0 ? r : number;
}

int64_t shop_outbox(void)
{
	return ask_number(SHOP_TILL, "SELECT count(*) FROM outbox", NULL);
}

int shop_has_booked(const char *uuid)
{
	int64_t rows = ask_number(SHOP_LEDGER, "SELECT count(*) FROM ledger WHERE txn = $1", uuid);

	return rows < 0 ? (int)rows : rows > 0;
}

/* ---- spoiling ------------------------------------------------------------ */

static int spoil(void *arg)
{
	static const char *const how[] = {
		[SHOP_LOSE_ONE] = "DELETE FROM ledger WHERE sale_id = 7",
		[SHOP_DOUBLE_ONE] = "INSERT INTO ledger SELECT * FROM ledger WHERE sale_id = 7",
		[SHOP_CHANGE_ONE] = "UPDATE ledger SET cents = cents + 1 WHERE sale_id = 7",
	};
	const enum shop_sabotage *choice = arg;
	struct sqla_session *ledger = NULL;
	int r;

	r = sqla_session_open(SHOP_LEDGER, &ledger);
	if (r >= 0)
		r = sqla_exec(ledger, how[*choice]);
	sqla_session_close(ledger);
	return r;
}

int shop_sabotage(enum shop_sabotage how)
{
	int r = txn_run(1, spoil, &how);

	return r < 0 ? shop_complain("cannot spoil the ledger", r) : 0;
}
