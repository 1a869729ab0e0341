#include "slice.h"

#include <inttypes.h>
#include <stdlib.h>

#include "support/must.h"
#include "wire.h"

static const UT_icd int64_icd = { sizeof(int64_t), NULL, NULL, NULL };

struct worker {
	struct crew *crew;
	void *self; /* the way's */
	pthread_t thread;
	struct slice did;
	struct slice_times times;
};

struct crew {
	const struct way *way;
	const struct places *places;
	int n_workers;
	pthread_barrier_t together; /* the workers, and who runs them */
	pthread_barrier_t settled;  /* the workers */
	struct slice_limit limit;
	struct worker workers[];
};

void slice_times_init(struct slice_times *times)
{
	utarray_new(times->commit, &int64_icd);
	utarray_new(times->decided, &int64_icd);
}

void slice_times_clear(struct slice_times *times)
{
	utarray_clear(times->commit);
	utarray_clear(times->decided);
}

void slice_times_done(struct slice_times *times)
{
	utarray_free(times->commit);
	utarray_free(times->decided);
}

struct crew *crew_new(const struct way *way, const struct places *places, int n_workers)
{
	struct crew *crew = calloc(1, sizeof(*crew) + (size_t)n_workers * sizeof(struct worker));

	if (!crew || pthread_barrier_init(&crew->together, NULL, (unsigned)n_workers + 1) != 0 ||
	    pthread_barrier_init(&crew->settled, NULL, (unsigned)n_workers) != 0)
		must_fail("out of memory");
	crew->way = way;
	crew->places = places;
	crew->n_workers = n_workers;
	for (int i = 0; i < n_workers; i++) {
		crew->workers[i].crew = crew;
		crew->workers[i].self = way->open(places, i);
		slice_times_init(&crew->workers[i].times);
	}
	return crew;
}

void crew_free(struct crew *crew)
{
	if (!crew)
		return;
	for (int i = 0; i < crew->n_workers; i++) {
		crew->way->close(crew->workers[i].self);
		slice_times_done(&crew->workers[i].times);
	}
	(void)pthread_barrier_destroy(&crew->together);
	(void)pthread_barrier_destroy(&crew->settled);
	free(crew);
}

static void transact(struct worker *w)
{
	const struct way *way = w->crew->way;
	struct wire before = wire_read(), working, after;
	int64_t began, ended, decided;

	if (!way->work(w->self)) {
		way->undo(w->self);
		w->did.failed++;
		return;
	}
	working = wire_read();
	began = now_ns();
	if (!way->commit(w->self, &decided)) {
		way->undo(w->self);
		w->did.failed++;
		return;
	}
	ended = now_ns() - began;
	decided -= began;
	utarray_push_back(w->times.commit, &ended);
	utarray_push_back(w->times.decided, &decided);
	after = wire_read();
	w->did.transactions++;
	w->did.rounds += (int64_t)(after.rounds - before.rounds);
	w->did.commit_rounds += (int64_t)(after.rounds - working.rounds);
	w->did.messages += (int64_t)(after.messages - before.messages);
}

static void *run_worker(void *arg)
{
	struct worker *w = arg;
	struct crew *crew = w->crew;
	struct slice_limit limit = crew->limit;
	int64_t began;

	(void)pthread_barrier_wait(&crew->together);
	began = now_ns();
	do
		transact(w);
	while ((limit.ns == 0 || now_ns() - began < limit.ns) &&
	       (limit.transactions == 0 ||
		w->did.transactions + w->did.failed < limit.transactions));
	w->did.seconds = (double)(now_ns() - began) / 1e9;
	(void)pthread_barrier_wait(&crew->together);
	crew->way->settle(w->self, &crew->settled);
	return NULL;
}

/* The rate is the sum of the workers' own: none waits for the last one. */
static void add(struct slice *all, const struct worker *w, struct slice_times *times)
{
	all->transactions += w->did.transactions;
	all->failed += w->did.failed;
	all->rounds += w->did.rounds;
	all->commit_rounds += w->did.commit_rounds;
	all->messages += w->did.messages;
	all->seconds += w->did.seconds;
	if (!times)
		return;
	utarray_concat(times->commit, w->times.commit);
	utarray_concat(times->decided, w->times.decided);
}

struct slice crew_run(struct crew *crew, struct slice_limit limit, struct slice_times *times)
{
	int64_t syncs = places_wal_syncs(crew->places);
	struct slice all = { .seconds = 0 };

	crew->limit = limit;
	for (int i = 0; i < crew->n_workers; i++) {
		struct worker *w = &crew->workers[i];

		w->did = (struct slice){ .seconds = 0 };
		slice_times_clear(&w->times);
		if (pthread_create(&w->thread, NULL, run_worker, w) != 0)
			must_fail("no thread");
	}
	(void)pthread_barrier_wait(&crew->together);
	(void)pthread_barrier_wait(&crew->together);
	for (int i = 0; i < crew->n_workers; i++) {
		(void)pthread_join(crew->workers[i].thread, NULL);
		add(&all, &crew->workers[i], times);
	}
	all.seconds /= crew->n_workers;
	all.wal_syncs = places_wal_syncs(crew->places) - syncs;
	return all;
}
