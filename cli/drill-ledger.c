#include "drill-ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct drill_ledger *ledger_map(void)
{
	void *page = mmap(NULL, sizeof(struct drill_ledger), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

void ledger_unmap(struct drill_ledger *ledger)
{
	if (ledger)
		(void)munmap(ledger, sizeof(*ledger));
}

int64_t ledger_end(const struct drill_ledger *ledger)
{
	const int64_t next = atomic_load(&ledger->next);

	return next < DRILL_TRANSFERS ? next : DRILL_TRANSFERS;
}

void ledger_violation(struct drill_ledger *ledger, const char *format, ...)
{
	const int n = atomic_fetch_add(&ledger->n_violations, 1);
	va_list args;

	if (n >= DRILL_VIOLATIONS)
		return;
	va_start(args, format);
	(void)vsnprintf(ledger->violations[n], sizeof(ledger->violations[n]), format, args);
	va_end(args);
}

int ledger_trouble(struct drill_ledger *ledger, int status)
{
	const struct sqla_error *error = sqla_error_last();
	struct drill_trouble *trouble = &ledger->trouble;

	trouble->status = status;
	(void)snprintf(trouble->engine, sizeof(trouble->engine), "%s", error->engine);
	(void)snprintf(trouble->message, sizeof(trouble->message), "%s",
		       error->message[0] ? error->message : sqla_strerror(status));
	(void)snprintf(trouble->hint, sizeof(trouble->hint), "%s", error->hint);
	return status;
}

struct drill_transfer *ledger_find(struct drill_ledger *ledger, const char *uuid)
{
	const int64_t end = ledger_end(ledger);

	for (int64_t id = ledger->first; id < end; id++)
		if (strcmp(ledger->transfers[id].uuid, uuid) == 0)
			return &ledger->transfers[id];
	return NULL;
}
