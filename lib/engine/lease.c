#include "engine/lease.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

static int64_t age_ms(const struct lease *lease)
{
	return clock_ms() - lease->since_ms;
}

void lease_tell(const struct lease *lease, char *ret_text, size_t size)
{
	int used = snprintf(ret_text, size, "for %lld ms, taken by ", (long long)age_ms(lease));

	if (used > 0 && (size_t)used < size)
		place_tell(&lease->place, ret_text + used, size - (size_t)used);
}

static int64_t report(void *arg)
{
	struct lease *lease = arg;
	char text[768];

	lease_tell(lease, text, sizeof(text));
	lease->was_reported = true;
	log_warning("a connection of engine \"%s\" has not come back %s", lease->config->name,
		    text);
	return 0;
}

struct lease *lease_new(struct engine_config *config)
{
	int leak_ms = config->options.pool_leak_ms;
	struct sqla_error before;
	struct lease *lease;

	if (leak_ms == 0 || leak_ms == INT_MAX)
		return NULL;
	lease = calloc(1, sizeof(*lease));
	if (!lease)
		return NULL;
	lease->config = config_ref(config);
	lease->since_ms = clock_ms();
	place_take(&lease->place);
	error_save(&before);
	if (alarm_set(&lease->alarm, lease->since_ms + leak_ms, report, lease) < 0)
		log_warning("%s", sqla_error_last()->message);
	(void)error_restore(&before);
	return lease;
}

void lease_free(struct lease *lease)
{
	if (!lease)
		return;
	alarm_cancel(&lease->alarm);
	if (lease->was_reported)
		log_info("the connection of engine \"%s\" that was missed is back after %lld ms",
			 lease->config->name, (long long)age_ms(lease));
	lease_forget(lease);
}

void lease_forget(struct lease *lease)
{
	if (!lease)
		return;
	config_unref(lease->config);
	free(lease);
}
