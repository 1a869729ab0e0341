#include "session/savepoint.h"

#include <stdlib.h>

#include <sqlassist/txn.h>

#include "base/error.h"
#include "session/session.h"

/*
 * A point in the branch. Number 0 stands for its very beginning: nothing was
 * sent then.
 */
struct mark {
	unsigned number;
	unsigned rollbacks; /* of the session when it was made */
};

static int send(struct sqla_session *s, enum driver_savepoint verb, unsigned number)
{
	int status;

	if (s->conn->is_broken)
		return session_lost(s);
	status = s->conn->driver->savepoint(s->conn, verb, number);
	return session_voted(s, status);
}

int savepoint_set(void *self, struct txn *txn, void **ret_mark)
{
	struct sqla_session *s = self;
	struct mark *mark = calloc(1, sizeof(*mark));
	int status = 0;

	(void)txn;
	if (!mark)
		return error_nomem();
	mark->rollbacks = s->rollbacks;
	if (s->conn && s->has_begun) {
		mark->number = s->savepoints + 1;
		status = send(s, DRIVER_SAVEPOINT_SET, mark->number);
	}
	if (status < 0) {
		free(mark);
		return status;
	}
	if (mark->number)
		s->savepoints = s->live_savepoint = mark->number;
	*ret_mark = mark;
	return 0;
}

/* The failures that were undone are no failures any more. */
int savepoint_rollback(void *self, struct txn *txn, void *opaque)
{
	struct sqla_session *s = self;
	const struct mark *mark = opaque;
	int status;

	(void)txn;
	if (mark->number && mark->rollbacks != s->rollbacks)
		return error_set(
			SQLA_EFAILED, s->config->name, "Call txn_abort.",
			"the session of engine \"%s\" was rolled back as a whole after the "
			"savepoint was made",
			s->config->name);
	if (mark->number == 0) {
		status = session_undo(s);
		s->live_savepoint = 0;
	} else {
		status = send(s, DRIVER_SAVEPOINT_ROLLBACK, mark->number);
		s->live_savepoint = mark->number;
	}
	if (status == 0)
		s->may_retry = false;
	return status;
}

/* Releasing one releases all later ones in the database too. */
void savepoint_release(void *self, struct txn *txn, void *opaque)
{
	struct sqla_session *s = self;
	struct mark *mark = opaque;
	enum txn_state state = txn_status(txn);
	struct sqla_error before;

	if (mark->number && mark->rollbacks == s->rollbacks && mark->number <= s->live_savepoint &&
	    (state == TXN_ACTIVE || state == TXN_DOOMED) && session_has_work(s)) {
		error_save(&before);
		(void)send(s, DRIVER_SAVEPOINT_RELEASE, mark->number);
		(void)error_restore(&before);
		s->live_savepoint = mark->number - 1;
	}
	free(mark);
}
