#include "demo-worker.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sqlassist.h>

#include "demo-shop.h"

#define ATTEMPTS 100

struct worker {
	struct worker_page *page;
	struct worker_slot *slot;
	struct sqla_session *till, *ledger;
	bool is_done; /* the outbox was empty */
};

/* ---- the page ------------------------------------------------------------ */

struct worker_page *worker_page_map(bool create)
{
	struct worker_page *page = MAP_FAILED;
	int fd = open(WORKER_PAGE, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);

	if (fd >= 0 && (!create || ftruncate(fd, sizeof(*page)) == 0))
		page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		perror("sqlassist demo: " WORKER_PAGE);
	if (fd >= 0)
		close(fd);
	return page == MAP_FAILED ? NULL : page;
}

void worker_page_unmap(struct worker_page *page)
{
	if (page)
		munmap(page, sizeof(*page));
}

static void publish(struct worker *w, enum worker_step step)
{
	atomic_store(&w->slot->step, (int)step);
}

/* ---- the work ------------------------------------------------------------ */

static int open_sessions(struct worker *w)
{
	int r = sqla_session_open(SHOP_TILL, &w->till);

	return r < 0 ? r : sqla_session_open(SHOP_LEDGER, &w->ledger);
}

static void close_sessions(struct worker *w)
{
	sqla_session_close(w->ledger);
	sqla_session_close(w->till);
	w->ledger = NULL;
	w->till = NULL;
}

/* Books every row of SALES; RET_LAST is the last one's id. */
static int book(struct worker *w, struct sqla_rows *sales, int64_t *ret_last)
{
	const char *uuid = txn_current() ? txn_uuid(txn_current()) : "";
	int r;

	while ((r = sqla_rows_next(sales)) > 0) {
		*ret_last = sqla_rows_int(sales, 0);
		r = sqla_exec(
			w->ledger,
			"INSERT INTO ledger(sale_id, item, cents, txn) VALUES ($1, $2, $3, $4)",
			sqla_int(*ret_last), sqla_text(sqla_rows_text(sales, 1)),
			sqla_int(sqla_rows_int(sales, 2)), sqla_text(uuid));
		if (r < 0)
			break;
	}
	return r;
}

/* Carries the oldest sales over; commits nothing. */
static int carry(struct worker *w)
{
	struct sqla_rows *sales = NULL;
	int64_t last = 0;
	int r, closed;

	publish(w, WORKER_READING);
	r = sqla_query(w->till, &sales,
		       "SELECT id, item, cents FROM outbox JOIN sale ON id = sale_id"
		       " ORDER BY sale_id LIMIT $1",
		       sqla_int(atomic_load(&w->page->sales_at_once)));
	if (r < 0)
		return r;
	publish(w, WORKER_WRITING);
	r = book(w, sales, &last);
	closed = sqla_rows_close(sales);
	if (r < 0 || closed < 0)
		return r < 0 ? r : closed;
	w->is_done = last == 0;
	/* The till is locked since the SELECT: these are the rows just booked. */
	return sqla_exec(w->till, "DELETE FROM outbox WHERE sale_id <= $1", sqla_int(last));
}

/* ---- with the library ---------------------------------------------------- */

static int publish_commit(struct txn *txn, void *arg)
{
	struct worker *w = arg;

	snprintf(w->slot->uuid, sizeof(w->slot->uuid), "%s", txn_uuid(txn));
	publish(w, WORKER_COMMITTING);
	return 0;
}

/* The work of one transaction; txn_run commits it. */
static int carry_atomically(void *arg)
{
	struct worker *w = arg;
	int r = open_sessions(w);

	if (r >= 0)
		r = txn_before_commit(txn_current(), publish_commit, w);
	if (r >= 0)
		r = carry(w);
	close_sessions(w);
	return r;
}

/* ---- without ------------------------------------------------------------- */

/* A crash between these two commits books the sale twice. */
static int carry_naively(struct worker *w)
{
	int r = open_sessions(w);

	if (r >= 0)
		r = carry(w);
	if (r >= 0) {
		w->slot->uuid[0] = '\0';
		publish(w, WORKER_COMMITTING);
		r = sqla_session_commit(w->ledger);
	}
	if (r >= 0)
		r = sqla_session_commit(w->till);
	close_sessions(w);
	return r;
}

int worker_main(int number, const char *ledger_url, bool naive)
{
	struct worker w = { .page = worker_page_map(false) };
	int r = -1;

	if (!w.page)
		return 1;
	if (number < 0 || number >= WORKERS ||
	    shop_register(ledger_url, naive ? SHOP_NAIVE_WORKER : SHOP_WORKER) < 0)
		goto out;
	w.slot = &w.page->slots[number];
	do
		r = naive ? carry_naively(&w) : txn_run(ATTEMPTS, carry_atomically, &w);
	while ((r >= 0 && !w.is_done) || (naive && r == SQLA_ERETRY));
	if (r < 0)
		shop_complain("a worker gives up", r);
out:
	sqla_engine_unregister(NULL);
	worker_page_unmap(w.page);
	return r < 0;
}
