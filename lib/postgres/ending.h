/*
 * Ending a prepared branch, by whoever comes first: the coordinator without
 * blocking, recovery with. Both race with each other and with operators.
 */
#ifndef POSTGRES_ENDING_H
#define POSTGRES_ENDING_H

#include <stdbool.h>

struct pg_link;

/*
 * Sends COMMIT PREPARED or ROLLBACK PREPARED and lets link->conclude wait for
 * what comes of it; link->xid is the branch's own, or "" where it is not
 * known. Returns TXN_WAIT, or a vote.
 */
int pg_ending_start(struct pg_link *link, const char *gid, bool commit);

#endif
