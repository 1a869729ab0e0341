/*
 * The group: two or more SQLite files, each with a connection, a transaction
 * and a rollback journal of its own, that commit together. The group is the
 * decider of sqlassist-commit(7); its leader's file carries the decision row,
 * and the branches that can be prepared were prepared before any of this.
 *
 * S is the super-journal (super.h). Which file a stock SQLite finds, and what
 * it does with it, after a crash at the end of each step:
 *
 *  1. check	Every member can take part (lite_group_obstacle), now that it
 *		has its write lock.
 *		Crash: plain hot journals at most (a cache that was spilled):
 *		each file is rolled back when it is opened next.
 *  2. create	S is written, held by flock, synced, named, and its name synced.
 *		Crash: the same; S is named by no journal: super_collect.
 *  3. hold	Each member's COMMIT, on a thread of its own, writes journal and
 *		database, syncs both, and waits (vfs.c). Its file is prepared.
 *		Crash: plain hot journals: each is rolled back.
 *  4. seal	When all wait: the record that names S goes to the end of every
 *		journal, and is synced. Not before: until then whoever loses S
 *		by accident loses nothing.
 *		Crash: S is there, so what is sealed is rolled back, as is what
 *		is not. A torn record does not count. Who rolls back the last
 *		sealed one removes S, after all databases were synced.
 *  5. decide	S is unlinked: now it is decided for all who live on. Its
 *		directory is synced: and for those who come after a power
 *		failure. The decision row became visible and durable with it.
 *		Crash in between: S is gone, or back, for all of them alike;
 *		no journal was touched yet, so all commit, or all roll back.
 *  6. release	Every journal is emptied and every COMMIT returns, which removes
 *		the journal, or syncs one that is kept: what the next transaction
 *		writes to it must not outrun its being emptied, or a cold journal
 *		would keep the name at its end, and commit, half-written, what is
 *		written to it later. A removal needs no sync.
 *		Crash: a journal that is there names S, which is gone and never
 *		comes back: it is thrown away. An empty one is no journal.
 *
 * A no before step 5 undoes: records are cut off again and that is synced (a
 * journal that was kept must not come back with a name that is gone), every
 * held COMMIT is told to roll back, and only then S is removed. Where cutting
 * fails, S stays.
 *
 * If S was unlinked and the sync of its directory fails, nobody can say what a
 * power failure will leave (I6). Nothing may be released then, and nothing
 * rolled back: the files are frozen as they are, locked, until the process
 * ends, and whoever opens them next sees S gone, or there, for all of them.
 *
 * Why stock clients cannot come in between: from step 3 to its end every file
 * is locked exclusively, and whoever finds the lock taken does not look at the
 * journal.
 *
 * A COMMIT waits here in SQLITE_FCNTL_SYNC and not in xDelete, where SQLite has
 * already begun to let go. A COMMIT that fails by itself rolls back and syncs
 * too: it is told apart by what it asks of its journal (vfs.c), and never waits.
 */
#include "sqlite/group.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/thread.h"
#include "sqlite/durable.h"
#include "sqlite/error.h"
#include "sqlite/exec.h"
#include "sqlite/super.h"
#include "sqlite/transact.h"
#include "sqlite/vfs.h"

enum verdict { VERDICT_NONE, VERDICT_COMMIT, VERDICT_ROLLBACK, VERDICT_FROZEN };

struct member {
	struct lite_conn *conn;
	struct lite_group *group;
	struct vfs_file *file;
	dev_t device;
	ino_t inode;
	pthread_t thread;
	bool has_thread;
	bool is_sealed; /* or may be */
	bool is_held;	/* its COMMIT waits; guarded by the group's lock, as is: */
	bool is_back;	/* its COMMIT has returned, */
	int rc;		/* with this */
};

struct lite_group {
	struct member members[LITE_GROUP_MAX];
	size_t n;
	struct lite_conn *leader;
	struct super *super;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	enum verdict verdict; /* guarded by lock */
};

/* ---- who can be in one ------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static const char *because(struct lite_conn *conn,
								 const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(conn->why, sizeof(conn->why), format, ap);
	va_end(ap);
	return conn->why;
}

/* Of the names that SQLite makes of the file's, S has the longest. */
#define LONGEST_PATH (JOURNAL_NAME_MAX - 64)

const char *lite_group_obstacle(struct lite_conn *conn)
{
	const char *path = sqlite3_db_filename(conn->db, "main");
	char mode[16];

	if (!vfs_file_of(conn->db))
		return because(conn, "it was not opened through this library's VFS: register the "
				     "engine again");
	if (strlen(path) > LONGEST_PATH)
		return because(conn, "its path has more than %d bytes: move it", LONGEST_PATH);
	lite_journal_mode(conn, mode, sizeof(mode));
	if (strcmp(mode, "delete") != 0 && strcmp(mode, "truncate") != 0 &&
	    strcmp(mode, "persist") != 0)
		return because(conn,
			       "its journal_mode is %s: several files commit together with "
			       "PRAGMA journal_mode = DELETE, TRUNCATE or PERSIST",
			       *mode ? mode : "unknown");
	return NULL;
}

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

/* S must be seen, or not, by whoever opens any of them. */
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

/* ---- who is -------------------------------------------------------------------------- */

static int add(struct lite_group *group, struct lite_conn *conn)
{
	struct member *member = &group->members[group->n];
	int status;

	if (group->n == LITE_GROUP_MAX)
		return error_set(SQLA_EUNSAFE, lite_name(conn),
				 "Let fewer of them change in one transaction.",
				 "more than %d files cannot be committed together", LITE_GROUP_MAX);
	*member = (struct member){ .conn = conn, .group = group };
	status = identify(member);
	for (size_t i = 0; i < group->n && status == 0; i++)
		status = check_pair(member, &group->members[i]);
	if (status < 0)
		return status;
	conn->group = group;
	group->n++;
	return 0;
}

static struct lite_group *new_group(struct lite_conn *leader)
{
	struct lite_group *group = calloc(1, sizeof(*group));

	if (!group) {
		(void)error_nomem();
		return NULL;
	}
	group->leader = leader;
	(void)pthread_mutex_init(&group->lock, NULL);
	(void)pthread_cond_init(&group->moved, NULL);
	return group;
}

/* What is undecided then is rolled back by the connections' owners. */
static void free_group(struct lite_group *group)
{
	for (size_t i = 0; i < group->n; i++)
		group->members[i].conn->group = NULL;
	super_free(group->super);
	(void)pthread_cond_destroy(&group->moved);
	(void)pthread_mutex_destroy(&group->lock);
	free(group);
}

int lite_follow(struct driver_conn *head, struct driver_conn *leader_head)
{
	struct lite_conn *conn = lite_conn_of(head), *leader = lite_conn_of(leader_head);
	struct lite_group *group = leader->group;
	int status = lite_ready(conn);

	if (status == 0 && conn->group)
		status = error_set(SQLA_EMISUSE, lite_name(conn), NULL,
				   "it is in a group already (%s)", lite_path(conn));
	if (status < 0)
		return status;
	if (!group) {
		group = new_group(leader);
		if (!group)
			return SQLA_ENOMEM;
		status = add(group, leader);
	}
	if (status == 0)
		status = add(group, conn);
	if (status < 0 && group->n < 2)
		free_group(group);
	return status;
}

void lite_group_leave(struct lite_conn *conn)
{
	if (conn->group)
		free_group(conn->group);
}

/* Reading the file has dealt with its own journal before. */
void lite_group_tidy(struct lite_conn *conn)
{
	const struct sqla_engine_options *options = &lite_config(conn)->options;
	const char *path = sqlite3_db_filename(conn->db, "main");

	if (options->joined == SQLA_YES && options->readonly != SQLA_YES && path && *path)
		super_collect(path);
}

/* ---- step 1 ---------------------------------------------------------------------------- */

/* What was true when it was asked for must still be, now under the write lock. */
static int check_member(struct lite_conn *conn)
{
	int status = lite_commit_begin(conn);
	const char *why;

	if (status < 0)
		return status;
	why = lite_durable_obstacle(conn);
	if (!why)
		why = lite_group_obstacle(conn);
	if (why)
		return error_set(SQLA_EUNSAFE, lite_name(conn), NULL,
				 "%s cannot be committed together with others: %s", lite_path(conn),
				 why);
	return 0;
}

/* The order in which all processes lock, whatever they call the files. */
static int by_inode(const void *one, const void *other)
{
	const struct member *a = one, *b = other;

	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

static int check(struct lite_group *group)
{
	qsort(group->members, group->n, sizeof(group->members[0]), by_inode);
	for (size_t i = 0; i < group->n; i++) {
		int status = check_member(group->members[i].conn);

		if (status < 0)
			return status;
	}
	return 0;
}

/* ---- step 2 ---------------------------------------------------------------------------- */

static int create(struct lite_group *group)
{
	const char *names[2 * LITE_GROUP_MAX];
	struct lite_conn *leader = group->leader;
	int error;

	for (size_t i = 0; i < group->n; i++) {
		const char *path = sqlite3_db_filename(group->members[i].conn->db, "main");

		names[2 * i] = sqlite3_filename_journal(path);
		names[2 * i + 1] = sqlite3_filename_wal(path);
	}
	error = super_create(lite_path(leader), names, 2 * group->n, &group->super);
	if (error == 0)
		return 0;
	return error_set(error == -ENOMEM ? SQLA_ENOMEM : SQLA_EDATABASE, lite_name(leader),
			 "This user must be able to create files beside the database.",
			 "no super-journal can be made beside %s: %s", lite_path(leader),
			 strerror(-error));
}

/* ---- step 3 ---------------------------------------------------------------------------- */

static int code_of(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_COMMIT:
		return SQLITE_OK;
	case VERDICT_FROZEN:
		return SQLITE_IOERR;
	default:
		return SQLITE_ABORT;
	}
}

/* Inside COMMIT, on the member's thread. */
static int wait_for_verdict(void *arg)
{
	struct member *member = arg;
	struct lite_group *group = member->group;
	enum verdict verdict;

	(void)pthread_mutex_lock(&group->lock);
	member->is_held = true;
	(void)pthread_cond_broadcast(&group->moved);
	while (group->verdict == VERDICT_NONE)
		(void)pthread_cond_wait(&group->moved, &group->lock);
	verdict = group->verdict;
	(void)pthread_mutex_unlock(&group->lock);
	return code_of(verdict);
}

static void *commit_member(void *arg)
{
	struct member *member = arg;
	struct lite_group *group = member->group;
	int rc;

	vfs_arm(member->file, wait_for_verdict, member);
	rc = lite_run(member->conn, "COMMIT");
	vfs_disarm(member->file);
	(void)pthread_mutex_lock(&group->lock);
	member->rc = rc;
	member->is_back = true;
	(void)pthread_cond_broadcast(&group->moved);
	(void)pthread_mutex_unlock(&group->lock);
	return NULL;
}

/* A COMMIT that has nothing to write returns with OK, and is no obstacle. */
static bool is_refused(const struct member *member)
{
	return member->is_back && member->rc != SQLITE_OK;
}

/* Waits until all are held or back: NULL, or the first that is refused. */
static struct member *await_all(struct lite_group *group)
{
	struct member *refused = NULL;
	size_t settled = 0;

	(void)pthread_mutex_lock(&group->lock);
	while (!refused && settled < group->n) {
		settled = 0;
		for (size_t i = 0; i < group->n && !refused; i++) {
			settled += group->members[i].is_held || group->members[i].is_back;
			if (is_refused(&group->members[i]))
				refused = &group->members[i];
		}
		if (!refused && settled < group->n)
			(void)pthread_cond_wait(&group->moved, &group->lock);
	}
	(void)pthread_mutex_unlock(&group->lock);
	return refused;
}

static int start_all(struct lite_group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		struct member *member = &group->members[i];
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

static int hold(struct lite_group *group)
{
	struct member *refused;
	int status = start_all(group);

	if (status < 0)
		return status;
	refused = await_all(group);
	if (!refused)
		return 0;
	status = lite_fail(refused->conn, refused->rc, "COMMIT failed");
	group->leader->is_transient = refused->conn->is_transient;
	return status;
}

/* ---- steps 4 and 5 ------------------------------------------------------------------------ */

static int seal(struct lite_group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		struct member *member = &group->members[i];
		int rc;

		if (!member->is_held)
			continue;
		member->is_sealed = true;
		rc = journal_seal(vfs_journal(member->file), super_path(group->super));
		if (rc != SQLITE_OK)
			return error_set(lite_status(member->conn, rc), lite_name(member->conn),
					 "Look at the disk and at the system's log.",
					 "the journal of %s could not be sealed: %s",
					 lite_path(member->conn), sqlite3_errstr(rc));
	}
	return 0;
}

static int tell_frozen(const struct lite_group *group)
{
	return error_set(SQLA_EINDOUBT, lite_name(group->leader),
			 "End this process: its files are kept locked until then. Whoever opens "
			 "them next finds them all committed, or all rolled back.",
			 "%s was removed, and that could not be made durable; whether the "
			 "transaction commits is not known",
			 super_path(group->super));
}

static int decide(struct lite_group *group)
{
	switch (super_decide(group->super)) {
	case SUPER_GONE:
		return 0;
	case SUPER_THERE:
		return error_set(SQLA_EDATABASE, lite_name(group->leader),
				 "Look at the disk and at the system's log.",
				 "%s could not be removed, so nothing was committed",
				 super_path(group->super));
	case SUPER_UNKNOWN:
		break;
	}
	return tell_frozen(group);
}

/* ---- step 6, and the other ends -------------------------------------------------------------- */

static void release(struct lite_group *group)
{
	for (size_t i = 0; i < group->n; i++)
		if (group->members[i].is_held)
			vfs_release(group->members[i].file);
}

static void freeze(struct lite_group *group)
{
	for (size_t i = 0; i < group->n; i++)
		if (group->members[i].is_held)
			vfs_freeze(group->members[i].file);
}

/* Whether S may go: no journal names it, nor will after a power failure. */
static bool strip(struct lite_group *group)
{
	bool is_clean = true;

	for (size_t i = 0; i < group->n; i++) {
		struct member *member = &group->members[i];

		if (member->is_sealed && journal_strip(vfs_journal(member->file)) != SQLITE_OK)
			is_clean = false;
	}
	return is_clean;
}

static void let_go(struct lite_group *group, enum verdict verdict)
{
	(void)pthread_mutex_lock(&group->lock);
	group->verdict = verdict;
	(void)pthread_cond_broadcast(&group->moved);
	(void)pthread_mutex_unlock(&group->lock);
	for (size_t i = 0; i < group->n; i++)
		if (group->members[i].has_thread)
			(void)pthread_join(group->members[i].thread, NULL);
}

/* Decided: what a COMMIT says now changes nothing, and tells of the file. */
static void end_committed(struct lite_group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		const struct member *member = &group->members[i];

		if (member->rc == SQLITE_OK)
			continue;
		log_warning("%s: it is committed, and ending its COMMIT failed: %s",
			    lite_path(member->conn), sqlite3_errstr(member->rc));
		member->conn->head.is_broken = true;
	}
}

/* A no that was not a lock's may have left SQLite with a file in disorder. */
static void end_rolled_back(struct lite_group *group, bool may_keep)
{
	struct sqla_error error;

	error_save(&error);
	for (size_t i = 0; i < group->n; i++) {
		struct lite_conn *conn = group->members[i].conn;

		(void)lite_undo(conn);
		if (!may_keep)
			conn->head.is_broken = true;
	}
	(void)error_restore(&error);
}

static int finish_frozen(struct lite_group *group)
{
	freeze(group);
	let_go(group, VERDICT_FROZEN);
	for (size_t i = 0; i < group->n; i++)
		group->members[i].conn->head.is_broken = true;
	return SQLA_EINDOUBT;
}

static int finish_refused(struct lite_group *group, int status)
{
	bool is_clean = strip(group);

	let_go(group, VERDICT_ROLLBACK);
	end_rolled_back(group, is_clean && status == SQLA_ERETRY);
	if (group->super && is_clean)
		super_discard(group->super);
	return status;
}

static int finish(struct lite_group *group, int status)
{
	if (status == SQLA_EINDOUBT)
		return finish_frozen(group);
	if (status < 0)
		return finish_refused(group, status);
	release(group);
	let_go(group, VERDICT_COMMIT);
	end_committed(group);
	fault_here(group_released);
	return 0;
}

/* Steps 1 to 5, as far as they say yes. */
static int take_steps(struct lite_group *group)
{
	static const struct {
		int (*take)(struct lite_group *group);
		enum fault_point then;
	} steps[] = {
		{ create, FAULT_group_created },
		{ hold, FAULT_group_held },
		{ seal, FAULT_group_sealed },
		{ decide, FAULT_group_decided },
	};
	int status = check(group);

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == 0; i++) {
		status = steps[i].take(group);
		if (status == 0)
			(void)fault_pass(steps[i].then);
	}
	return status;
}

/* The first to end takes the group with it. */
static void end_all(struct lite_group *group)
{
	struct lite_conn *conns[LITE_GROUP_MAX];
	size_t n = group->n;

	for (size_t i = 0; i < n; i++)
		conns[i] = group->members[i].conn;
	for (size_t i = 0; i < n; i++)
		lite_commit_end(conns[i]);
}

int lite_group_commit(struct lite_conn *leader)
{
	struct lite_group *group = leader->group;
	int status = finish(group, take_steps(group));

	end_all(group);
	return status;
}
