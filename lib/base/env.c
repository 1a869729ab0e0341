#include "base/env.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_disabled;

/* "1" opts out; unset, empty and "0" do not. Anything else is said and then
 * taken as not opting out: losing atomicity by a typing error would be worse. Who
 * runs a program that has more rights than himself has no say in it. */
static void read_environment(void)
{
	const char *value = secure_getenv("SQLASSIST_DISABLE_TRANSACTION");

	if (!value || !*value || strcmp(value, "0") == 0)
		return;
	if (strcmp(value, "1") == 0)
		is_disabled = true;
	else
		log_warning("SQLASSIST_DISABLE_TRANSACTION is neither 0 nor 1: ignored");
}

bool env_transaction_disabled(void)
{
	(void)pthread_once(&once, read_environment);
	return is_disabled;
}
