/*
 * The group: two or more SQLite files, each with a connection, a transaction
 * and a journal of its own, that commit together. The group is the
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
 *  2. create	S is written, held by flock, synced, named, and its name synced;
 *		meanwhile step 3 begins.
 *		Crash: the same; S is named by no journal: collect.c.
 *  3. hold	Each member's COMMIT, on a thread of its own (members.h), writes
 *		journal and database, syncs both, and waits (vfs.h). One with a
 *		WAL writes all but the header of its last frame, and syncs
 *		nothing yet.
 *		Crash: plain hot journals: each is rolled back. A WAL whose last
 *		frame has no header ends where it ended before.
 *  4. seal	When all wait: the record that names S goes to the end of every
 *		journal, and is synced. Not before: until then whoever loses S
 *		by accident loses nothing. A WAL gets a trailer with the record,
 *		and its guard (wal-guard.c).
 *		Crash: S is there, so what is sealed is rolled back, as is what
 *		is not. A torn record does not count. A stock SQLite that rolls
 *		back the last sealed one that it sees removes S; this library
 *		leaves that to collect.c. A guarded WAL cannot be opened, but
 *		through this library.
 *  5. decide	S is unlinked: now it is decided for all who live on. Its
 *		directory is synced: and for those who come after a power
 *		failure. The decision row became visible and durable with it.
 *		Crash in between: S is gone, or back, for all of them alike;
 *		no journal was touched yet, so all commit, or all roll back.
 *  6. release	Every journal is emptied and every COMMIT returns, which removes
 *		the journal, or syncs one that is kept: what the next transaction
 *		writes to it must not outrun its being emptied, or a cold journal
 *		would keep the name at its end, and commit, half-written, what is
 *		written to it later. A removal needs no sync. A WAL gets its
 *		header, that is synced, and its guard is taken away.
 *		Crash: a journal that is there names S, which is gone and never
 *		comes back: it is thrown away. An empty one is no journal. So
 *		does a guarded WAL: it is released.
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
 * journal. A file in WAL mode has readers, who see the state before, and its
 * write lock is taken; those who come when its writer has died find the fence.
 *
 * A checkpoint runs behind a COMMIT, when that is decided, and so never copies
 * what is not. Settling a WAL does not trust the absence of S before it is
 * durable: one file must not commit on the word of an unlink that a power
 * failure takes back, when the next one is opened.
 *
 * A COMMIT waits here in SQLITE_FCNTL_SYNC and not in xDelete, where SQLite has
 * already begun to let go. A COMMIT that fails by itself rolls back and syncs
 * too: it is told apart by what it asks of its journal (vfs.c), and never waits.
 */
#include "sqlite/group.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "sqlite/collect.h"
#include "sqlite/durable.h"
#include "sqlite/error.h"
#include "sqlite/exec.h"
#include "sqlite/journal.h"
#include "sqlite/members.h"
#include "sqlite/super.h"
#include "sqlite/transact.h"
#include "sqlite/vfs.h"

struct lite_group {
	struct members *members;
	struct lite_conn *leader;
	struct super *super;
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

static const char *wal_obstacle(struct lite_conn *conn)
{
	if (lite_config(conn)->options.wal_group != SQLA_YES)
		return "its journal_mode is wal: several files commit together with "
		       "PRAGMA journal_mode = DELETE, TRUNCATE or PERSIST, or with the "
		       "engine's option wal_group = yes, of which "
		       "sqlassist-sqlite-group(7) tells";
	if (vfs_may_tear(vfs_file_of(conn->db)))
		return "it is in WAL mode and was opened with psow=0, for a disk that "
		       "damages what is next to a torn write: open it without, or use "
		       "PRAGMA journal_mode = DELETE";
	return NULL;
}

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
	if (strcmp(mode, "wal") == 0)
		return wal_obstacle(conn);
	if (strcmp(mode, "delete") != 0 && strcmp(mode, "truncate") != 0 &&
	    strcmp(mode, "persist") != 0)
		return because(conn,
			       "its journal_mode is %s: several files commit together with "
			       "PRAGMA journal_mode = DELETE, TRUNCATE or PERSIST",
			       *mode ? mode : "unknown");
	return NULL;
}

static bool share_folder(const char *one, const char *other)
{
	const char *end = strrchr(one, '/'), *other_end = strrchr(other, '/');

	return end && other_end && end - one == other_end - other &&
	       strncmp(one, other, (size_t)(end - one)) == 0;
}

const char *lite_apart(struct driver_conn *one_head, struct driver_conn *other_head,
		       const char **ret_remedy)
{
	struct lite_conn *one = lite_conn_of(one_head), *other = lite_conn_of(other_head);
	struct stat st, other_st;

	if (stat(lite_path(one), &st) < 0 || stat(lite_path(other), &other_st) < 0)
		return NULL;
	if (st.st_dev != other_st.st_dev) {
		*ret_remedy = "Put them on one file system, or let only one of them change in a "
			      "transaction.";
		return "the files are on different file systems: a transaction that changes both is "
		       "refused (SQLA_EUNSAFE)";
	}
	if (share_folder(lite_path(one), lite_path(other)))
		return NULL;
	*ret_remedy =
		"Keep them in one folder, or see to it that whoever opens one of them sees both "
		"folders, under the same names.";
	return "the files commit together and are in different folders: after a crash, who opens one "
	       "and does not see the other's folder may take it for committed when it is not";
}

/* ---- who is -------------------------------------------------------------------------- */

static int add(struct lite_group *group, struct lite_conn *conn)
{
	int status = members_add(group->members, conn);

	if (status == 0)
		conn->group = group;
	return status;
}

static struct lite_group *new_group(struct lite_conn *leader)
{
	struct lite_group *group = calloc(1, sizeof(*group));

	if (group)
		group->members = members_new();
	if (!group || !group->members) {
		free(group);
		(void)error_nomem();
		return NULL;
	}
	group->leader = leader;
	return group;
}

/* What is undecided then is rolled back by the connections' owners. */
static void free_group(struct lite_group *group)
{
	for (size_t i = 0; i < members_n(group->members); i++)
		members_conn(group->members, i)->group = NULL;
	super_free(group->super);
	members_free(group->members);
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
	if (status < 0 && members_n(group->members) < 2)
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
		collect_supers(path, 0);
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

static int check(struct lite_group *group)
{
	members_sort(group->members);
	for (size_t i = 0; i < members_n(group->members); i++) {
		int status = check_member(members_conn(group->members, i));

		if (status < 0)
			return status;
	}
	return 0;
}

/* ---- steps 2 to 5 ------------------------------------------------------------------------ */

static int create(struct lite_group *group)
{
	const char *names[2 * LITE_GROUP_MAX];
	struct lite_conn *leader = group->leader;
	size_t n = members_n(group->members);
	int error;

	for (size_t i = 0; i < n; i++) {
		const char *path = sqlite3_db_filename(members_conn(group->members, i)->db, "main");

		names[2 * i] = sqlite3_filename_journal(path);
		names[2 * i + 1] = sqlite3_filename_wal(path);
	}
	error = super_create(lite_path(leader), leader->claimed, names, 2 * n, &group->super);
	if (error == 0)
		return 0;
	return error_set(error == -ENOMEM ? SQLA_ENOMEM : SQLA_EDATABASE, lite_name(leader),
			 "This user must be able to create files beside the database.",
			 "no super-journal can be made beside %s: %s", lite_path(leader),
			 strerror(-error));
}

static int hold(struct lite_group *group)
{
	int rc, status;
	struct lite_conn *refused = members_await(group->members, &rc);

	if (!refused)
		return 0;
	status = lite_fail(refused, rc, "COMMIT failed");
	group->leader->is_transient = refused->is_transient;
	return status;
}

static int seal(struct lite_group *group)
{
	struct lite_conn *refused;
	int rc;

	members_seal(group->members, super_path(group->super));
	refused = members_await(group->members, &rc);
	if (!refused)
		return 0;
	return error_set(lite_status(refused, rc), lite_name(refused),
			 "Look at the disk and at the system's log.",
			 "the journal of %s could not be sealed: %s", lite_path(refused),
			 sqlite3_errstr(rc));
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

/* Decided: what a COMMIT says now changes nothing, and tells of the file. */
static int finish_committed(struct lite_group *group)
{
	members_end(group->members, MEMBERS_COMMIT);
	for (size_t i = 0; i < members_n(group->members); i++) {
		struct lite_conn *conn = members_conn(group->members, i);
		int rc = members_answer(group->members, i);

		if (rc == SQLITE_OK)
			continue;
		log_warning("%s: it is committed, and ending its COMMIT failed: %s",
			    lite_path(conn), sqlite3_errstr(rc));
		conn->head.is_broken = true;
	}
	fault_here(group_released);
	return 0;
}

static int finish_frozen(struct lite_group *group)
{
	members_end(group->members, MEMBERS_FREEZE);
	for (size_t i = 0; i < members_n(group->members); i++)
		members_conn(group->members, i)->head.is_broken = true;
	return SQLA_EINDOUBT;
}

/* A no that was not a lock's may have left SQLite with a file in disorder. */
static int finish_refused(struct lite_group *group, int status)
{
	struct sqla_error error;
	bool is_clean;

	error_save(&error);
	members_end(group->members, MEMBERS_ROLLBACK);
	is_clean = members_are_clean(group->members);
	for (size_t i = 0; i < members_n(group->members); i++) {
		struct lite_conn *conn = members_conn(group->members, i);

		(void)lite_undo(conn);
		if (!is_clean || status != SQLA_ERETRY)
			conn->head.is_broken = true;
	}
	if (group->super && is_clean)
		super_discard(group->super);
	(void)error_restore(&error);
	return status;
}

static int finish(struct lite_group *group, int status)
{
	if (status == SQLA_EINDOUBT)
		return finish_frozen(group);
	return status < 0 ? finish_refused(group, status) : finish_committed(group);
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

	if (status == 0)
		status = members_start(group->members);
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
	size_t n = members_n(group->members);

	for (size_t i = 0; i < n; i++)
		conns[i] = members_conn(group->members, i);
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
