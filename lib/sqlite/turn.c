#include "sqlite/turn.h"

#include <stdatomic.h>
#include <sys/stat.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/fork.h"
#include "base/thread.h"

enum { LANES = 64 };

/* Guards `waiting`, which is by number, and is_waiting and is_called in it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct turn *waiting;
static atomic_uint n_waiting; /* of all files */
static atomic_ullong last_number;
/* Of a file's lock, or of another file's in the same lane. */
static atomic_ullong releases[LANES];
/* Not in struct turn, which may be gone when its owner, who was back anyway, is called. */
static pthread_cond_t calls[LANES]; /* by number; who shares one sees who is meant */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_calls(void)
{
	for (int i = 0; i < LANES; i++)
		(void)thread_cond_init(&calls[i]);
}

/* Who waits is a thread of the parent's. */
static void forget_waiting(void *unused)
{
	(void)unused;
	waiting = NULL;
	atomic_store(&n_waiting, 0);
	init_calls();
}

static void init(void)
{
	init_calls();
	(void)fork_guard(&lock);
	(void)fork_on_child(forget_waiting, NULL);
}

static atomic_ullong *releases_of(const struct turn *turn)
{
	return &releases[(turn->inode ^ turn->device) % LANES];
}

static pthread_cond_t *call_of(const struct turn *turn)
{
	return &calls[turn->number % LANES];
}

void turn_init(struct turn *turn)
{
	(void)pthread_once(&once, init);
	*turn = (struct turn){ .inode = 0 };
}

void turn_at(struct turn *turn, const char *path)
{
	struct stat st;

	if (path && *path && stat(path, &st) == 0) {
		turn->device = st.st_dev;
		turn->inode = st.st_ino;
	}
}

void turn_come(struct turn *turn)
{
	turn->number = atomic_fetch_add(&last_number, 1);
	turn->releases = atomic_load(releases_of(turn));
}

static int by_number(const struct turn *one, const struct turn *other)
{
	return one->number < other->number ? -1 : one->number > other->number;
}

static struct turn *first_at(const struct turn *turn)
{
	struct turn *one;

	DL_FOREACH(waiting, one)
		if (one->inode == turn->inode && one->device == turn->device)
			return one;
	return NULL;
}

/* Who lets go counts that first and looks who waits then; who waits says so
 * first and looks at the count then: one of the two sees the other. */
static void await_call(struct turn *turn, int ms)
{
	bool is_first = first_at(turn) == turn;
	int64_t until = clock_ms() + (is_first || ms > TURN_PATIENCE_MS ? ms : TURN_PATIENCE_MS);
	int rc = 0;

	turn->is_called = is_first && atomic_load(releases_of(turn)) != turn->releases;
	while (!turn->is_called && rc == 0)
		rc = thread_cond_wait(call_of(turn), &lock, until);
}

void turn_wait(struct turn *turn, int ms)
{
	(void)pthread_mutex_lock(&lock);
	turn->is_waiting = true;
	DL_INSERT_INORDER(waiting, turn, by_number);
	(void)atomic_fetch_add(&n_waiting, 1);
	await_call(turn, ms);
	DL_DELETE(waiting, turn);
	(void)atomic_fetch_sub(&n_waiting, 1);
	turn->is_waiting = false;
	turn->releases = atomic_load(releases_of(turn));
	(void)pthread_mutex_unlock(&lock);
}

void turn_pass(const struct turn *turn)
{
	pthread_cond_t *call = NULL;
	struct turn *first;

	(void)atomic_fetch_add(releases_of(turn), 1);
	if (atomic_load(&n_waiting) == 0)
		return;
	(void)pthread_mutex_lock(&lock);
	first = first_at(turn);
	if (first) {
		first->is_called = true;
		call = call_of(first);
	}
	(void)pthread_mutex_unlock(&lock);
	/* Who is called takes the lock, and would only wait again if it were held. */
	if (call)
		(void)pthread_cond_broadcast(call);
}

bool turn_is_wanted(const struct turn *turn)
{
	bool is_wanted;

	if (atomic_load(&n_waiting) == 0)
		return false;
	(void)pthread_mutex_lock(&lock);
	is_wanted = first_at(turn);
	(void)pthread_mutex_unlock(&lock);
	return is_wanted;
}

bool turn_is_waiting(const struct turn *turn)
{
	bool is_waiting;

	(void)pthread_mutex_lock(&lock);
	is_waiting = turn->is_waiting;
	(void)pthread_mutex_unlock(&lock);
	return is_waiting;
}
