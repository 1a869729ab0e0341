#include "txn/state.h"

#include "support/test.h"

#define STATES 6
#define D SQLA_EDOOMED
#define F SQLA_EFAILED
#define M SQLA_EMISUSE

/* Every pair, in the order JOIN SAVEPOINT DOOM FAIL COMMIT DECIDE REFUSE ABORT. */
static const int expected[STATES][STATE_EVENTS] = {
	[TXN_ACTIVE] = { TXN_ACTIVE, TXN_ACTIVE, TXN_DOOMED, TXN_FAILED, TXN_COMMITTING, M, M,
			 TXN_ABORTED },
	[TXN_DOOMED] = { TXN_DOOMED, TXN_DOOMED, TXN_DOOMED, TXN_FAILED, D, M, M, TXN_ABORTED },
	[TXN_COMMITTING] = { M, M, M, M, M, TXN_COMMITTED, TXN_FAILED, M },
	[TXN_COMMITTED] = { M, M, M, M, M, M, M, M },
	[TXN_FAILED] = { F, F, F, TXN_FAILED, F, F, F, TXN_ABORTED },
	[TXN_ABORTED] = { M, M, M, M, M, M, M, M },
};

Test(state, every_pair_of_state_and_event_is_as_the_table_says)
{
	for (int state = 0; state < STATES; state++)
		for (int event = 0; event < STATE_EVENTS; event++)
			cr_expect(eq(int,
				     state_after((enum txn_state)state, (enum state_event)event),
				     expected[state][event]),
				  "state %d, event %d", state, event);
}
