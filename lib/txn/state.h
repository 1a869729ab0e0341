/*
 * The life of a transaction:
 *
 *		  doom			     abort
 *	 ACTIVE ---------> DOOMED ---------------------------> ABORTED
 *	  |  ^ \___________  |	\______  fail			^
 *	  |  | ___  fail   \ |	       \			|
 *   commit  | refuse_early  >-----> FAILED --------------------+
 *	  v  |			       ^	 abort
 *	 COMMITTING -------------------+
 *	  |		 refuse
 *	  +-----> COMMITTED
 *	   decide
 *
 * In ACTIVE and DOOMED resources may join. COMMITTING lasts from the moment
 * the first resource is asked until the outcome is known here; in FAILED
 * nothing is left to roll back when a commit failed, and everything when an
 * operation did. COMMITTED and ABORTED are seen by hooks only.
 */
#ifndef TXN_STATE_H
#define TXN_STATE_H

#include <sqlassist/txn.h>

enum state_event {
	EV_JOIN,
	EV_SAVEPOINT,
	EV_DOOM,
	EV_FAIL,   /* an operation failed, or the deadline passed */
	EV_COMMIT, /* hooks have run, the protocol begins */
	EV_DECIDE, /* the outcome is: committed */
	EV_REFUSE, /* the outcome is: not committed, or not known */
	EV_ABORT,
	STATE_EVENTS
};

/*
 * The state after EVENT in STATE, or a negative status that says why not:
 * SQLA_EDOOMED, SQLA_EFAILED or SQLA_EMISUSE. Sets no error detail.
 */
int state_after(enum txn_state state, enum state_event event);

#endif
