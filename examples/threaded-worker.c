/*
 * threaded-worker.c - carries the sales of a shop (SQLite) to the ledger of a
 * bank (PostgreSQL), with several threads. Each takes one sale at a time: that it
 * is sent, and that it is booked, is true in both databases or in neither.
 *
 *	threaded-worker sqlite:///shop.db postgresql:///bank
 *
 * The shop has sale(id INTEGER PRIMARY KEY, cents INTEGER, sent INTEGER DEFAULT 0),
 * the bank has ledger(sale bigint PRIMARY KEY, cents bigint).
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include <sqlassist.h>

#define THREADS 8

/* The next sale that is not sent; 1, 0 if there is none, or negative. */
static int next_sale(struct sqla_session *shop, int64_t *ret_id, int64_t *ret_cents)
{
	struct sqla_rows *rows;
	int found, r;

	r = sqla_query(shop, &rows, "SELECT id, cents FROM sale WHERE sent = 0 LIMIT 1");
	if (r < 0)
		return r;
	found = sqla_rows_next(rows);
	if (found == 1) {
		*ret_id = sqla_rows_int(rows, 0);
		*ret_cents = sqla_rows_int(rows, 1);
	}
	r = sqla_rows_close(rows);
	return r < 0 ? r : found;
}

/* One transaction. It may run more than once, so it starts from the beginning. */
static int carry_one(void *arg)
{
	struct sqla_session *shop = NULL, *bank = NULL;
	bool *ret_found = arg;
	int64_t id = 0, cents = 0;
	int r;

	*ret_found = false;
	r = sqla_session_open("shop", &shop); /* this thread's own session */
	if (r >= 0)
		r = next_sale(shop, &id, &cents);
	if (r <= 0)
		goto out;
	*ret_found = true;
	r = sqla_exec(shop, "UPDATE sale SET sent = 1 WHERE id = $1", sqla_int(id));
	if (r >= 0)
		r = sqla_session_open("bank", &bank);
	if (r >= 0)
		r = sqla_exec(bank, "INSERT INTO ledger(sale, cents) VALUES ($1, $2)", sqla_int(id),
			      sqla_int(cents));
out:
	sqla_session_close(bank);
	sqla_session_close(shop);
	return r;
}

/* The error detail is the thread's, too. */
static void *work(void *arg)
{
	int *ret_status = arg;
	bool found = true;

	while (found && *ret_status >= 0)
		*ret_status = txn_run(20, carry_one, &found);
	if (*ret_status < 0)
		fprintf(stderr, "%s: %s %s\n", sqla_strerror(*ret_status),
			sqla_error_last()->message, sqla_error_last()->hint);
	return NULL;
}

static int run_threads(void)
{
	pthread_t threads[THREADS];
	int statuses[THREADS] = { 0 };
	int n = 0, r = 0;

	while (n < THREADS && pthread_create(&threads[n], NULL, work, &statuses[n]) == 0)
		n++;
	for (int i = 0; i < n; i++) {
		(void)pthread_join(threads[i], NULL);
		if (statuses[i] < 0)
			r = statuses[i];
	}
	return n > 0 ? r : -1;
}

int main(int argc, char **argv)
{
	/* Who reads in order to write takes the file's lock at once; a connection
	 * that a thread keeps for half a minute is reported with its place. */
	const struct sqla_engine_options shop = { .isolation = "immediate", .pool_leak_ms = 30000 };
	const struct sqla_engine_options bank = { .pool_pre_ping = SQLA_YES,
						  .pool_leak_ms = 30000 };
	int r;

	if (argc != 3)
		return fprintf(stderr, "usage: threaded-worker SHOP-URL BANK-URL\n"), 2;
	r = sqla_engine_register("shop", argv[1], &shop);
	if (r >= 0)
		r = sqla_engine_register("bank", argv[2], &bank);
	if (r >= 0)
		r = sqla_recover(NULL, NULL, NULL, NULL);
	if (r >= 0)
		r = run_threads();
	else
		fprintf(stderr, "%s: %s %s\n", sqla_strerror(r), sqla_error_last()->message,
			sqla_error_last()->hint);
	sqla_engine_unregister(NULL);
	return r < 0;
}
