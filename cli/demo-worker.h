/*
 * demo-worker.h - a worker process: carries sales from the till's outbox to
 * the ledger until the outbox is empty, or until it is killed. Only what it
 * wrote into the shared page tells where.
 */
#ifndef DEMO_WORKER_H
#define DEMO_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>

#define WORKERS 3
#define WORKER_PAGE "workers" /* the file of the page, in the current folder */

enum worker_step {
	WORKER_STARTING = 0, /* not yet at its first sale: loading, connecting */
	WORKER_READING,	     /* waiting for its turn at the till, and reading */
	WORKER_WRITING,	     /* INSERT into the ledger, DELETE from the outbox */
	WORKER_COMMITTING,   /* inside txn_commit */
};

struct worker_slot {
	_Atomic int step; /* enum worker_step */
	char uuid[40];	  /* of the transaction; valid in WORKER_COMMITTING */
};

/* Shared by the demo and its workers; a worker writes its own slot only. */
struct worker_page {
	_Atomic int sales_at_once; /* how many a transaction carries at most */
	struct worker_slot slots[WORKERS];
};

/* Maps the page of the current folder; NULL, and told, when it cannot be. */
struct worker_page *worker_page_map(bool create);
void worker_page_unmap(struct worker_page *page);

/*
 * The worker's main function. NUMBER: of its slot. NAIVE: two ordinary
 * commits, one after the other, as one would without the library. Returns
 * the exit status: 0 when the outbox is empty.
 */
int worker_main(int number, const char *ledger_url, bool naive);

#endif
