/*
 * resource.h - for implementers: make something of your own take part in a
 * transaction. Application code does not need this header.
 *
 * A resource is a pair (ops, self) that txn_join adds to a transaction. Its
 * part of the transaction is a branch. The coordinator (sqlassist-commit(7))
 * calls the members below on the transaction's thread only, `cancel`
 * excepted, in this order:
 *
 *   begin, flush, ask				 every resource
 *   site, claim | follow | prepare		 with two or more changed
 *   decide					 the decider
 *   commit_prepared | commit			 all others, after the decision
 *   rollback_prepared | abort			 when something said no
 *   released					 last call, always
 *
 * What a step returns is a vote (I7: a vote counts only if it is certain):
 *   0			yes, done, and as durable as the step demands
 *   TXN_CHANGED	(ask only) yes, and there is something to commit
 *   TXN_WAIT		under way: the coordinator calls `advance` until it
 *			answers something else
 *   SQLA_EINDOUBT	unknown: a lost connection, a timeout, an I/O error
 *			after which it may or may not have happened
 *   other negatives	no: it certainly has not happened and never will
 */
#ifndef SQLASSIST_RESOURCE_H
#define SQLASSIST_RESOURCE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include <sqlassist/txn.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TXN_CHANGED 1
#define TXN_WAIT 2

#define TXN_GID_MAX 199 /* bytes of a gid without its NUL */
#define TXN_SITE_MAX 63 /* bytes of a site without its NUL */

enum txn_ability {
	TXN_PREPARES = 1,      /* has prepare, and can in this transaction */
	TXN_DECIDES = 2,       /* has claim, decide, look; may carry the row */
	TXN_PREFERS = 4,       /* wants to decide (decide = prefer) */
	TXN_DECIDES_LOCAL = 8, /* claims without a network: decides before others */
	TXN_ROW_ALWAYS = 16,   /* writes the row even when it alone has changed */
	TXN_FOLLOWS = 32,      /* has group, follow; may be committed by another's decide */
};

/* What the deciding branch writes down and is asked for. Borrowed. */
struct txn_decision {
	const char *uuid;     /* of the transaction, 36 characters */
	const char *branches; /* "site=gid,site=gid...", every prepared branch */
};

/*
 * Whether a branch of the transaction that is looked for is still prepared:
 * 1 yes, 0 no, negative: cannot be said now.
 */
typedef int txn_still_prepared_fn(void *arg);

/* The vote of a commit_prepared that went on by itself. */
typedef void txn_ended_fn(void *arg, int vote);

/*
 * Set size to sizeof(struct txn_resource_ops); members are only appended.
 * Required: size, sort_key, commit, abort. Members come in groups: all of
 * prepare, commit_prepared, rollback_prepared, is_prepared, site or none; all
 * of claim, decide, look, site or none; group and follow or none. txn_join
 * refuses an incomplete table.
 */
struct txn_resource_ops {
	size_t size;

	/* Required. Orders the branches; constant while joined; no NULL. Must
	 * not block. Equal keys keep the order of joining. */
	const char *(*sort_key)(void *self);

	/* For messages; default: the sort key. Constant while joined. */
	const char *(*name)(void *self);

	/* What this branch can do in this transaction, enum txn_ability bits;
	 * called after `ask`. Default: what the members given allow. */
	unsigned (*abilities)(void *self);

	/* Why ABILITY (TXN_PREPARES, TXN_DECIDES or TXN_FOLLOWS) is missing, and
	 * the remedy: one line, borrowed until the next call. For SQLA_EUNSAFE's
	 * text. */
	const char *(*why_not)(void *self, enum txn_ability ability);

	/* The commit begins; may block. */
	int (*begin)(void *self, struct txn *txn);

	/* Send outstanding work to where it belongs; may block. A crash during
	 * or after it leaves nothing. */
	int (*flush)(void *self, struct txn *txn);

	/* Did this branch change anything? 0, TXN_CHANGED, TXN_WAIT or no.
	 * Default: TXN_CHANGED. */
	int (*ask)(void *self);

	/* Goes on with the step that answered TXN_WAIT. Must not block. While it
	 * answers TXN_WAIT it fills WAIT with a descriptor and the events to poll
	 * for. Required if any step ever answers TXN_WAIT. */
	int (*advance)(void *self, struct pollfd *wait);

	/* The step under way is waited for no longer; its result is unknown.
	 * Whatever it would still do must be harmless. Required with advance. */
	void (*give_up)(void *self);

	/* Required. Ends the branch with an ordinary commit: the only changed
	 * one (then 0 means durable), or one that changed nothing. */
	int (*commit)(void *self);

	/* Makes the branch able to commit whatever happens, under GID, visible to
	 * recovery from any process. 0 means durable. */
	int (*prepare)(void *self, const char *gid);

	/* Ends a prepared branch. May be repeated and may race with recovery: a
	 * branch that is already ended is asked for how; ended the other way:
	 * SQLA_EMIXED. SQLA_EINDOUBT: recovery will do it. */
	int (*commit_prepared)(void *self, const char *gid);
	int (*rollback_prepared)(void *self, const char *gid);

	/* This branch's database or store, by an identity that survives renaming:
	 * at most TXN_SITE_MAX of [A-Za-z0-9_-]. */
	int (*site)(void *self, char ret_site[TXN_SITE_MAX + 1]);

	/* Inserts the decision row into this branch's own transaction (I1). DECISION
	 * is valid until that is answered. Others are told to prepare when it
	 * returns, also with TXN_WAIT: from here on nobody may take the missing row
	 * for an abort who has not seen to it that none can come (I3, I4). */
	int (*claim)(void *self, const struct txn_decision *decision);

	/* Commits the branch and the row with it, durably (I2): the decision. */
	int (*decide)(void *self);

	/* After decide was SQLA_EINDOUBT: asks the store. 0 committed and durable,
	 * SQLA_EABORTED it can never commit (I3), anything else no answer. May
	 * block within a bound of its own. STILL_PREPARED is NULL when the decider
	 * stands alone (TXN_ROW_ALWAYS). */
	int (*look)(void *self, const struct txn_decision *decision,
		    txn_still_prepared_fn *still_prepared, void *arg);

	/* After commit was SQLA_EINDOUBT on the only changed branch: asks the
	 * store, as look does. Default: no answer. */
	int (*outcome)(void *self);

	/* Whether GID is prepared here, asked on a connection that works: 1, 0 or
	 * negative for cannot say. May block. */
	int (*is_prepared)(void *self, const char *gid);

	/* Every branch has ended: the row may be forgotten when it is old enough
	 * (I5). Must not block. */
	void (*forget)(void *self, const struct txn_decision *decision);

	/* Required. Rolls an unprepared branch back; may block; must leave
	 * nothing behind even when it fails. */
	int (*abort)(void *self, struct txn *txn);

	/* Savepoints: all three or none. MARK is the resource's own, and is freed
	 * by savepoint_release, called once for every mark. It gives the mark up in
	 * the store too, unless the store has dropped it already: when the
	 * transaction is ending, or after a rollback to an earlier mark. */
	int (*savepoint)(void *self, struct txn *txn, void **ret_mark);
	int (*savepoint_rollback)(void *self, struct txn *txn, void *mark);
	void (*savepoint_release)(void *self, struct txn *txn, void *mark);

	/* Whether what failed may work in a new transaction; asked before abort. */
	bool (*should_retry)(void *self);

	/* The deadline passed: stop the statement that runs. Called on a thread of
	 * the library's, while the transaction's thread may be inside any other
	 * member or in the resource's own calls; must not block. */
	void (*cancel)(void *self);

	/*
	 * commit_prepared has answered TXN_WAIT, and the transaction will not wait
	 * for it (TXN_FINISH_DEFERRED): it goes on without SELF, which is released
	 * soon. ENDED is called with its vote, once, on any thread. False: it
	 * cannot, and `advance` goes on as usual. Must not block.
	 */
	bool (*detach)(void *self, txn_ended_fn *ended, void *arg);

	/* Instead of `forget`, for a transaction that does not wait: remembers
	 * what forget_ended needs, without SELF. NULL: it cannot. Both or none;
	 * a resource that has `forget` alone makes its transactions wait. */
	void *(*forget_later)(void *self, const struct txn_decision *decision);
	/* On any thread: ALL_ENDED as for forget; else the row stays. Frees. */
	void (*forget_ended)(void *promise, bool all_ended);

	/* The resource has left the transaction. OUTCOME: as txn_commit, or
	 * SQLA_EABORTED. The last call; SELF may be freed in it. */
	void (*released)(void *self, struct txn *txn, int outcome);

	/* Branches that cannot be prepared, and that answer with one and the same
	 * address here, are a group: one of them decides, and its decide commits
	 * all of them in one atomic act. NULL: in no group. */
	const void *(*group)(void *self);

	/* LEADER, the self of another branch of the group, decides: from here on
	 * its decide and look answer for this branch too, which gets no other step
	 * of the protocol; when they say no, abort. Must not block. 0 or no. */
	int (*follow)(void *self, void *leader);
};

/*
 * Sets this thread's error detail (error.h), so that a step that fails can say
 * why: `return sqla_error_set(SQLA_EABORTED, "spool", "...", "...")`. NAME and
 * HINT may be NULL. Texts are copied. Returns STATUS.
 */
int sqla_error_set(int status, const char *name, const char *message, const char *hint);

/*
 * Writes the gid of branch NUMBER of transaction UUID, decided at SITE by the
 * engine or resource NAME (for people; cut and cleaned as needed).
 * RET_GID has room for TXN_GID_MAX + 1.
 */
int txn_gid_format(char ret_gid[TXN_GID_MAX + 1], const char *uuid, unsigned number,
		   const char *site, const char *name);

/* The parts of a gid. */
struct txn_gid {
	char uuid[37];
	unsigned number;
	char site[TXN_SITE_MAX + 1];
	char name[65];
};

/* Takes GID apart. SQLA_ENOTFOUND: not one of ours, leave it alone. */
int txn_gid_parse(const char *gid, struct txn_gid *ret_parts);

#ifdef __cplusplus
}
#endif
#endif
