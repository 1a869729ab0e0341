/*
 * env-asker - whether the environment may switch transactions off here: exit
 * status 0 no, 1 yes. It may be installed setuid, so it does nothing else.
 */
#include <unistd.h>

#include "base/env.h"

/* No leak checker may look into a process with more rights than its caller. */
int main(void)
{
	_exit(env_transaction_disabled() ? 1 : 0);
}
