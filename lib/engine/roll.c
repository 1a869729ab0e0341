#include "engine/roll.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/fork.h"

/* Guarded by roll_lock: */
static struct roll_entry *roll;

static struct fork_lock roll_lock = FORK_LOCK_INITIALIZER;

void roll_enter(struct roll_entry *entry, const struct engine_config *config)
{
	entry->config = config;
	entry->opener = getpid();
	entry->opened_ms = clock_ms();
	entry->is_used = true;
	fork_lock_take(&roll_lock);
	DL_APPEND(roll, entry);
	fork_lock_give(&roll_lock);
}

void roll_leave(struct roll_entry *entry)
{
	if (!entry->config)
		return;
	fork_lock_take(&roll_lock);
	DL_DELETE(roll, entry);
	fork_lock_give(&roll_lock);
	entry->config = NULL;
}

void roll_use(struct roll_entry *entry, bool is_used)
{
	__atomic_store_n(&entry->is_used, is_used, __ATOMIC_RELAXED);
}

static void copy(const struct roll_entry *from, struct roll_entry *ret)
{
	ret->config = from->config;
	memcpy(ret->id, from->id, sizeof(ret->id));
	ret->opener = from->opener;
	ret->opened_ms = from->opened_ms;
	ret->is_used = __atomic_load_n(&from->is_used, __ATOMIC_RELAXED);
	ret->next = NULL;
	ret->prev = NULL;
}

size_t roll_call(const struct engine_config *config, struct roll_entry entries[], size_t n)
{
	struct roll_entry *entry;
	size_t found = 0;

	fork_lock_take(&roll_lock);
	DL_FOREACH(roll, entry) {
		if (entry->config != config)
			continue;
		if (found < n)
			copy(entry, &entries[found]);
		found++;
	}
	fork_lock_give(&roll_lock);
	return found;
}
