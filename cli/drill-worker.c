#include "drill-worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drill-scratch.h"
#include "moment.h"

enum { PATIENCE_MS = 5000, FAILURES_MAX = 500 };

struct thread {
	pthread_t thread;
	struct drill_ledger *ledger;
	const struct drill_worker *worker;
	int number;
	unsigned seed;
	int status;
};

/* All pay but the last, who gets it all; one alone pays itself. */
int64_t worker_share(const struct drill_transfer *transfer, int64_t id, int nth)
{
	const int64_t cents = 1 + id % 99;
	const int count = __builtin_popcount(transfer->parts);

	if (transfer->parts >> nth == 1)
		return cents * (count - 1);
	return -cents;
}

static int work_in(struct drill_ledger *ledger, const struct drill_transfer *transfer, int64_t id,
		   int nth)
{
	const int64_t cents = worker_share(transfer, id, nth);
	struct sqla_session *s = NULL;
	int status = sqla_session_open(ledger->engines[nth].name, &s);

	if (status >= 0)
		status = sqla_exec(s,
				   "UPDATE " DRILL_ACCOUNT " SET cents = cents + $1 WHERE id = $2",
				   sqla_int(cents), sqla_int(id % DRILL_ACCOUNTS));
	if (status >= 0)
		status = sqla_exec(s, "INSERT INTO " DRILL_TRANSFER " (id, cents) VALUES ($1, $2)",
				   sqla_int(id), sqla_int(cents));
	sqla_session_close(s);
	return status;
}

/* Before anything of it is durable. */
static int write_down(struct txn *txn, void *arg)
{
	struct drill_transfer *transfer = arg;

	(void)strcpy(transfer->uuid, txn_uuid(txn));
	atomic_store(&transfer->step, STEP_COMMITTING);
	return 0;
}

static int commit(struct drill_ledger *ledger, struct drill_transfer *transfer)
{
	const int64_t began = moment_us();
	int status = txn_before_commit(txn_current(), write_down, transfer);

	if (status >= 0)
		status = txn_commit();
	if (status >= 0)
		atomic_store(&ledger->commit_us,
			     (atomic_load(&ledger->commit_us) * 7 + moment_us() - began) / 8);
	return status;
}

/* Engines in one order: who waits for whom is never a circle. */
static int transfer(struct drill_ledger *ledger, struct drill_transfer *entry, int64_t id)
{
	int status = txn_begin();

	if (status >= 0)
		status = txn_set_timeout(txn_current(), PATIENCE_MS);
	for (int i = 0; status >= 0 && i < ledger->n_engines; i++)
		if (entry->parts & 1U << i)
			status = work_in(ledger, entry, id, i);
	if (status >= 0)
		status = commit(ledger, entry);
	entry->status = (int8_t)status;
	atomic_store(&entry->step, STEP_TOLD);
	if (status < 0)
		(void)txn_abort();
	return status;
}

/* Every second transfer is over all engines. */
static unsigned choose_parts(struct thread *t)
{
	const unsigned all = (1U << t->ledger->n_engines) - 1;

	if (rand_r(&t->seed) % 2)
		return all;
	return 1 + (unsigned)rand_r(&t->seed) % all;
}

static void *go_on(void *arg)
{
	struct thread *t = arg;
	const struct drill_worker *worker = t->worker;
	int failures = 0;

	for (int n = 0; !worker->transfers || n < worker->transfers; n++) {
		const int64_t id = atomic_fetch_add(&t->ledger->next, 1);
		struct drill_transfer *entry;

		if (id >= DRILL_TRANSFERS)
			break;
		entry = &t->ledger->transfers[id];
		entry->life = worker->life;
		entry->parts = (uint16_t)choose_parts(t);
		atomic_store(&entry->step, STEP_WORKING);
		atomic_store(&t->ledger->at[worker->number][t->number], id);
		t->status = transfer(t->ledger, entry, id);
		failures = t->status < 0 ? failures + 1 : 0;
		if (failures == FAILURES_MAX) {
			(void)ledger_trouble(t->ledger, t->status);
			return NULL;
		}
	}
	t->status = 0;
	return NULL;
}

/* Before the library asks for them, which it does once. */
static int arm(const struct drill_worker *worker)
{
	if (worker->fault && setenv("SQLASSIST_FAULT", worker->fault, 1) < 0)
		return SQLA_ENOMEM;
	if (worker->passed && setenv("SQLASSIST_FAULT_LOG", worker->passed, 1) < 0)
		return SQLA_ENOMEM;
	return 0;
}

int worker_run(struct drill_ledger *ledger, void *arg)
{
	const struct drill_worker *worker = arg;
	struct thread threads[DRILL_THREADS] = { 0 };
	int started = 0, status = arm(worker);

	if (status < 0)
		return ledger->trouble.status = status;
	while (status == 0 && started < worker->threads) {
		struct thread *t = &threads[started];

		*t = (struct thread){ .ledger = ledger,
				      .worker = worker,
				      .number = started,
				      .seed = worker->seed * 31 + (unsigned)started };
		if (pthread_create(&t->thread, NULL, go_on, t) != 0)
			status = ledger->trouble.status = SQLA_ENOMEM;
		else
			started++;
	}
	while (started > 0) {
		(void)pthread_join(threads[--started].thread, NULL);
		status = status < 0 ? status : threads[started].status;
	}
	return status;
}
