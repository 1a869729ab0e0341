#include "session/finish.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/await.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include "base/thread.h"

enum {
	TICK_MS = 2, /* an answer is unread no longer than twice that */
	HURRY_MS = 2 * TICK_MS,
	LINGER_TICKS = 500, /* without work, before the thread sleeps */
	PATIENCE_MS = 30000,
};

struct left {
	struct engine *engine; /* a reference */
	struct driver_conn *conn;
	const void *thread; /* that left it */
	int64_t since_ms;
	txn_ended_fn *ended;
	void *arg;
	int vote;
	bool is_in_hand; /* of a thread that waits for the answer */
	struct left *next, *prev;
};

/* Guards all below. Held while an answer that is there is read, never while
 * one is waited for. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct left *lefts;   /* oldest first */
static atomic_uint n_left;   /* of them; read without the lock */
static unsigned n_busy;	     /* taken off the list, and not yet given back */
static pthread_cond_t ended; /* something was given back, or is in nobody's hand */
static pthread_cond_t work;  /* something was left, or stop */
static pthread_t thread;
static bool is_running;
static bool is_asleep;
static bool is_stopping;
static unsigned generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* This thread has, and perhaps it still is; the address tells threads apart. */
static _Thread_local bool has_left;

static void take_off(struct left *left)
{
	DL_DELETE(lefts, left);
	(void)atomic_fetch_sub(&n_left, 1);
}

/* ---- one of them -------------------------------------------------------------- */

/* Reads what there is; true: it is over. Does not block. */
static bool has_ended(struct left *left, struct pollfd *wait)
{
	int64_t until = left->since_ms + PATIENCE_MS;

	error_clear();
	left->vote = left->conn->driver->advance(left->conn, wait);
	if (left->vote == TXN_WAIT && clock_left(until) == 0) {
		left->conn->driver->give_up(left->conn);
		left->vote = error_set(SQLA_EINDOUBT, engine_name(left->engine),
				       "Look at the server: it is very slow or does not answer.",
				       "no answer within the time allowed");
	}
	return left->vote != TXN_WAIT;
}

/* False: it was not over in time. */
static bool await(struct left *left, int64_t until)
{
	struct pollfd wait = { .fd = -1 };

	while (!has_ended(left, &wait)) {
		if (clock_left(until) == 0)
			return false;
		(void)await_answer(&wait, 1, clock_left(until));
	}
	return true;
}

/* On the thread that has read the vote, whose error detail says why; nothing was
 * read since. Without the lock: giving a connection back may close it. */
static void give_back(struct left *left)
{
	left->ended(left->arg, left->vote);
	engine_checkin(left->engine, left->conn);
	engine_unref(left->engine);
	free(left);
}

static void give_back_all(struct left *list)
{
	struct left *left, *next;

	DL_FOREACH_SAFE(list, left, next) {
		DL_DELETE(list, left);
		give_back(left);
	}
}

/* ---- the thread ------------------------------------------------------------------ */

/*
 * Takes off those that are a tick old, so that the thread that left them had
 * its chance, and have ended; until one has not ended well, whose error detail the
 * next would wipe out. It is the first then. With the lock held.
 */
static struct left *collect(void)
{
	int64_t now = clock_ms();
	struct left *list = NULL;
	struct left *left, *next;
	struct pollfd wait;

	DL_FOREACH_SAFE(lefts, left, next) {
		if (left->is_in_hand || now - left->since_ms < TICK_MS || !has_ended(left, &wait))
			continue;
		take_off(left);
		DL_PREPEND(list, left);
		n_busy++;
		if (left->vote < 0)
			break;
	}
	return list;
}

/* Gives LIST back, which is counted as busy. With the lock held; not meanwhile. */
static void give_back_unlocked(struct left *list)
{
	struct left *left;
	unsigned n;

	DL_COUNT(list, left, n);
	(void)pthread_mutex_unlock(&lock);
	give_back_all(list);
	(void)pthread_mutex_lock(&lock);
	n_busy -= n;
	(void)pthread_cond_broadcast(&ended);
}

static void work_once(void)
{
	struct left *list;

	while ((list = collect()))
		give_back_unlocked(list);
}

/* Ticks while there is something to do and a while longer, so that nobody who
 * commits again and again has to wake it each time. */
static void *run(void *unused)
{
	unsigned idle = 0;

	(void)pthread_mutex_lock(&lock);
	while (!is_stopping) {
		int64_t tick = clock_ms() + TICK_MS;

		idle = lefts ? 0 : idle + 1;
		is_asleep = idle > LINGER_TICKS;
		if (is_asleep)
			(void)pthread_cond_wait(&work, &lock);
		else
			(void)thread_cond_wait(&work, &lock, tick);
		is_asleep = false;
		work_once();
	}
	(void)pthread_mutex_unlock(&lock);
	return unused;
}

static void init_conditions(void)
{
	(void)thread_cond_init(&ended);
	(void)thread_cond_init(&work);
}

static void await_engine(struct engine *engine);

static void init(void)
{
	init_conditions();
	generation = fork_generation();
	(void)fork_guard(&lock);
	engine_before_unregister(await_engine);
}

/* Locks, and takes the parent's off the list in a forked child: they are
 * abandoned, since it reads the answers. */
static struct left *enter(void)
{
	struct left *inherited = NULL;
	struct left *left;

	(void)pthread_once(&once, init);
	(void)pthread_mutex_lock(&lock);
	if (!fork_is_foreign(generation))
		return NULL;
	inherited = lefts;
	lefts = NULL;
	atomic_store(&n_left, 0);
	n_busy = 0;
	is_running = false;
	is_asleep = false;
	generation = fork_generation();
	init_conditions();
	DL_FOREACH(inherited, left)
		left->vote = SQLA_EFORKED;
	return inherited;
}

static void leave(struct left *inherited)
{
	(void)pthread_mutex_unlock(&lock);
	give_back_all(inherited);
}

/* With the lock held. */
static bool start(void)
{
	if (!is_running && !is_stopping)
		is_running = thread_start(&thread, NULL, run, NULL) == 0;
	return is_running;
}

/* What is still left then is known to the servers, or else to recovery. */
static void __attribute__((destructor)) stop(void)
{
	bool join;

	(void)pthread_mutex_lock(&lock);
	join = is_running && !fork_is_foreign(generation);
	is_stopping = true;
	is_running = false;
	if (join)
		(void)pthread_cond_broadcast(&work);
	(void)pthread_mutex_unlock(&lock);
	if (join)
		(void)pthread_join(thread, NULL);
}

/* ---- for others ---------------------------------------------------------------------- */

bool finish_leave(struct engine *engine, struct driver_conn *conn, txn_ended_fn *fn, void *arg)
{
	struct left *left = malloc(sizeof(*left));
	struct left *inherited;
	bool is_left;

	if (!left)
		return false;
	*left = (struct left){ .engine = engine,
			       .conn = conn,
			       .thread = &has_left,
			       .since_ms = clock_ms(),
			       .ended = fn,
			       .arg = arg };
	inherited = enter();
	is_left = start();
	if (is_left) {
		has_left = true;
		(void)engine_ref(engine);
		DL_APPEND(lefts, left);
		(void)atomic_fetch_add(&n_left, 1);
		if (is_asleep)
			(void)pthread_cond_signal(&work);
	}
	leave(inherited);
	if (!is_left)
		free(left);
	return is_left;
}

static bool is_meant(const struct left *left, const struct engine *engine, bool all)
{
	return left->engine == engine && (all || left->thread == &has_left);
}

/* With the lock held, and not meanwhile. */
static void await_hands(const struct engine *engine, bool all)
{
	struct left *left = lefts;

	while (left) {
		if (!is_meant(left, engine, all) || !left->is_in_hand) {
			left = left->next;
			continue;
		}
		(void)pthread_cond_wait(&ended, &lock);
		left = lefts;
	}
}

/* Those of this thread, or of all; the caller gives them back. */
static struct left *take(struct engine *engine, bool all)
{
	struct left *inherited = enter();
	struct left *list = NULL;
	struct left *left, *next;

	await_hands(engine, all);
	has_left = false;
	DL_FOREACH_SAFE(lefts, left, next) {
		if (is_meant(left, engine, all)) {
			take_off(left);
			DL_APPEND(list, left);
		} else if (left->thread == &has_left) {
			has_left = true;
		}
	}
	leave(inherited);
	return list;
}

static void await_all(struct left *list)
{
	struct sqla_error before;
	struct left *left, *next;

	if (!list)
		return;
	error_save(&before);
	DL_FOREACH_SAFE(list, left, next) {
		while (!await(left, left->since_ms + PATIENCE_MS))
			continue;
		DL_DELETE(list, left);
		give_back(left);
	}
	(void)error_restore(&before);
}

void finish_await(struct engine *engine)
{
	if (has_left && atomic_load(&n_left) > 0)
		await_all(take(engine, false));
}

/* ---- while all connections are out -------------------------------------------- */

static bool is_exhausted(struct engine *engine)
{
	struct pool_counts counts;

	engine_count(engine, &counts);
	return counts.idle == 0 && !counts.has_room;
}

/* Takes the oldest of ENGINE in hand, or returns NULL. */
static struct left *pick(const struct engine *engine)
{
	struct left *inherited = enter();
	struct left *left;

	DL_FOREACH(lefts, left)
		if (left->engine == engine && !left->is_in_hand)
			break;
	if (left)
		left->is_in_hand = true;
	leave(inherited);
	return left;
}

/* LEFT stays on the list, where its own thread sees that it must wait. */
static void put_down(struct left *left, bool has_ended)
{
	struct left *list = NULL;
	struct left *inherited = enter();

	left->is_in_hand = false;
	(void)pthread_cond_broadcast(&ended);
	if (has_ended) {
		take_off(left);
		DL_APPEND(list, left);
		n_busy++;
		give_back_unlocked(list);
	}
	leave(inherited);
}

void finish_hurry(struct engine *engine)
{
	struct sqla_error before;
	struct left *left;

	if (atomic_load(&n_left) == 0 || !is_exhausted(engine))
		return;
	left = pick(engine);
	if (!left)
		return;
	error_save(&before);
	put_down(left, await(left, clock_ms() + HURRY_MS));
	(void)error_restore(&before);
}

/* Also for what the library's thread has at hand just now. */
static void await_engine(struct engine *engine)
{
	struct left *inherited;

	await_all(take(engine, true));
	inherited = enter();
	while (n_busy > 0)
		(void)pthread_cond_wait(&ended, &lock);
	leave(inherited);
}
