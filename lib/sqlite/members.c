#include "sqlite/members.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/thread.h"
#include "sqlite/error.h"
#include "sqlite/exec.h"
#include "sqlite/vfs.h"

struct member {
	struct lite_conn *conn;
	struct members *all;
	struct vfs_file *file;
	dev_t device;
	ino_t inode;
	pthread_t thread;
	bool has_thread;
	/* Its thread's until that has ended: */
	bool is_sealed; /* or may be */
	/* Guarded by the lock: */
	bool is_held; /* its COMMIT waits */
	bool is_back; /* its COMMIT has returned */
	enum members_order did;
	int rc; /* of what it did last */
};

struct members {
	struct member each[LITE_GROUP_MAX];
	size_t n;
	const char *super; /* set before the order that needs it */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	enum members_order order; /* guarded by lock */
};

struct members *members_new(void)
{
	struct members *members = calloc(1, sizeof(*members));

	if (!members)
		return NULL;
	(void)pthread_mutex_init(&members->lock, NULL);
	(void)pthread_cond_init(&members->moved, NULL);
	return members;
}

void members_free(struct members *members)
{
	if (!members)
		return;
	(void)pthread_cond_destroy(&members->moved);
	(void)pthread_mutex_destroy(&members->lock);
	free(members);
}

size_t members_n(const struct members *members)
{
	return members->n;
}

struct lite_conn *members_conn(const struct members *members, size_t i)
{
	return members->each[i].conn;
}

/* ---- who is one ----------------------------------------------------------------- */

static int identify(struct member *member)
{
	struct lite_conn *conn = member->conn;
	struct stat st;

	if (stat(lite_path(conn), &st) < 0)
		return error_set(SQLA_EUNSAFE, lite_name(conn),
				 "Open it again: sqla_engine_reinit.", "%s cannot be found: %s",
				 lite_path(conn), strerror(errno));
	member->device = st.st_dev;
	member->inode = st.st_ino;
	member->file = vfs_file_of(conn->db);
	return 0;
}

/* The super-journal must be seen, or not, by whoever opens any of them. */
static int check_pair(const struct member *one, const struct member *other)
{
	if (one->device != other->device)
		return error_set(SQLA_EUNSAFE, lite_name(one->conn),
				 "Put them on one file system, or let only one of them change in a "
				 "transaction.",
				 "%s and %s (engine \"%s\") are on different file systems, and so "
				 "cannot be committed together",
				 lite_path(one->conn), lite_path(other->conn),
				 lite_name(other->conn));
	if (one->inode == other->inode)
		return error_set(SQLA_EUNSAFE, lite_name(one->conn),
				 "Register a file once, and use that engine.",
				 "engine \"%s\" has the same file: %s", lite_name(other->conn),
				 lite_path(other->conn));
	return 0;
}

int members_add(struct members *members, struct lite_conn *conn)
{
	struct member *member = &members->each[members->n];
	int status;

	if (members->n == LITE_GROUP_MAX)
		return error_set(SQLA_EUNSAFE, lite_name(conn),
				 "Let fewer of them change in one transaction.",
				 "more than %d files cannot be committed together", LITE_GROUP_MAX);
	*member = (struct member){ .conn = conn, .all = members };
	status = identify(member);
	for (size_t i = 0; i < members->n && status == 0; i++)
		status = check_pair(member, &members->each[i]);
	if (status == 0)
		members->n++;
	return status;
}

static int by_inode(const void *one, const void *other)
{
	const struct member *a = one, *b = other;

	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

void members_sort(struct members *members)
{
	qsort(members->each, members->n, sizeof(members->each[0]), by_inode);
}

/* ---- on the thread of each -------------------------------------------------------- */

/* Says what it did, and waits for the next order. */
static enum members_order report(struct member *member, enum members_order did, int rc)
{
	struct members *members = member->all;
	enum members_order order;

	(void)pthread_mutex_lock(&members->lock);
	member->is_held = true;
	member->did = did;
	member->rc = rc;
	(void)pthread_cond_broadcast(&members->moved);
	while (members->order == did)
		(void)pthread_cond_wait(&members->moved, &members->lock);
	order = members->order;
	(void)pthread_mutex_unlock(&members->lock);
	return order;
}

static int roll_back(struct member *member)
{
	if (member->is_sealed && vfs_strip(member->file) == SQLITE_OK)
		member->is_sealed = false;
	return SQLITE_ABORT;
}

/* Inside COMMIT. */
static int follow_orders(void *arg)
{
	struct member *member = arg;
	enum members_order order = report(member, MEMBERS_HOLD, SQLITE_OK);

	if (order == MEMBERS_SEAL) {
		member->is_sealed = true;
		order = report(member, order, vfs_seal(member->file, member->all->super));
	}
	switch (order) {
	case MEMBERS_COMMIT:
		vfs_release(member->file);
		return SQLITE_OK;
	case MEMBERS_FREEZE:
		return SQLITE_IOERR;
	default:
		return roll_back(member);
	}
}

static void *commit_member(void *arg)
{
	struct member *member = arg;
	struct members *members = member->all;
	int rc;

	vfs_arm(member->file, follow_orders, member);
	rc = lite_run(member->conn, "COMMIT");
	vfs_disarm(member->file);
	(void)pthread_mutex_lock(&members->lock);
	member->rc = rc;
	member->is_back = true;
	(void)pthread_cond_broadcast(&members->moved);
	(void)pthread_mutex_unlock(&members->lock);
	return NULL;
}

/* ---- giving orders ------------------------------------------------------------------ */

int members_start(struct members *members)
{
	for (size_t i = 0; i < members->n; i++) {
		struct member *member = &members->each[i];
		int error = thread_start(&member->thread, NULL, commit_member, member);

		if (error)
			return error_set(SQLA_ERETRY, lite_name(member->conn),
					 "Allow this process more threads.",
					 "no thread can be started to commit it on: %s",
					 strerror(error));
		member->has_thread = true;
	}
	return 0;
}

static void tell(struct members *members, enum members_order order)
{
	(void)pthread_mutex_lock(&members->lock);
	members->order = order;
	(void)pthread_cond_broadcast(&members->moved);
	(void)pthread_mutex_unlock(&members->lock);
}

void members_seal(struct members *members, const char *super)
{
	members->super = super;
	tell(members, MEMBERS_SEAL);
}

static bool is_done(const struct member *member)
{
	return member->is_back || (member->is_held && member->did == member->all->order);
}

/* A COMMIT that has nothing to write returns with OK, and is no obstacle. */
static struct member *look_at_all(struct members *members, size_t *ret_done)
{
	size_t done = 0;

	for (size_t i = 0; i < members->n; i++) {
		struct member *member = &members->each[i];

		if (is_done(member) && member->rc != SQLITE_OK)
			return member;
		done += is_done(member);
	}
	*ret_done = done;
	return NULL;
}

struct lite_conn *members_await(struct members *members, int *ret_rc)
{
	struct member *refused;
	size_t done = 0;

	(void)pthread_mutex_lock(&members->lock);
	while (!(refused = look_at_all(members, &done)) && done < members->n)
		(void)pthread_cond_wait(&members->moved, &members->lock);
	if (refused)
		*ret_rc = refused->rc;
	(void)pthread_mutex_unlock(&members->lock);
	return refused ? refused->conn : NULL;
}

/* All wait: nothing of theirs is under way that would not see it. */
static void freeze(struct members *members)
{
	for (size_t i = 0; i < members->n; i++)
		if (members->each[i].is_held)
			vfs_freeze(members->each[i].file);
}

void members_end(struct members *members, enum members_order order)
{
	if (order == MEMBERS_FREEZE)
		freeze(members);
	tell(members, order);
	for (size_t i = 0; i < members->n; i++)
		if (members->each[i].has_thread)
			(void)pthread_join(members->each[i].thread, NULL);
}

int members_answer(const struct members *members, size_t i)
{
	return members->each[i].rc;
}

bool members_are_clean(const struct members *members)
{
	for (size_t i = 0; i < members->n; i++)
		if (members->each[i].is_sealed)
			return false;
	return true;
}
