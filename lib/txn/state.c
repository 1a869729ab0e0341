#include "txn/state.h"

#include <stddef.h>

static const struct step {
	enum txn_state in;
	enum state_event on;
	enum txn_state to;
} steps[] = {
	{ TXN_ACTIVE, EV_JOIN, TXN_ACTIVE },	   { TXN_ACTIVE, EV_SAVEPOINT, TXN_ACTIVE },
	{ TXN_ACTIVE, EV_DOOM, TXN_DOOMED },	   { TXN_ACTIVE, EV_FAIL, TXN_FAILED },
	{ TXN_ACTIVE, EV_COMMIT, TXN_COMMITTING }, { TXN_ACTIVE, EV_ABORT, TXN_ABORTED },
	{ TXN_DOOMED, EV_JOIN, TXN_DOOMED },	   { TXN_DOOMED, EV_SAVEPOINT, TXN_DOOMED },
	{ TXN_DOOMED, EV_DOOM, TXN_DOOMED },	   { TXN_DOOMED, EV_FAIL, TXN_FAILED },
	{ TXN_DOOMED, EV_ABORT, TXN_ABORTED },	   { TXN_COMMITTING, EV_DECIDE, TXN_COMMITTED },
	{ TXN_COMMITTING, EV_REFUSE, TXN_FAILED }, { TXN_FAILED, EV_FAIL, TXN_FAILED },
	{ TXN_FAILED, EV_ABORT, TXN_ABORTED },
};

int state_after(enum txn_state state, enum state_event event)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].in == state && steps[i].on == event)
			return (int)steps[i].to;
	if (state == TXN_DOOMED && event == EV_COMMIT)
		return SQLA_EDOOMED;
	if (state == TXN_FAILED)
		return SQLA_EFAILED;
	return SQLA_EMISUSE;
}
