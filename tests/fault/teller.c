#include "fault/teller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/must.h"

enum { CENTS = 10, ACCOUNTS = 8, TRIES = 6000 };

static void add_engine(struct teller *t, size_t nth, const struct sqla_engine_options *options)
{
	const char *place = bank_database(t->bank, nth);
	char *url = *place == '/' ? must_printf("sqlite:///%s", place) : must_printf("%s", place);

	t->names[nth][0] = bank_kinds(t->bank)[nth];
	if (sqla_engine_register(t->names[nth], url, options) < 0)
		must_fail("%s", sqla_error_last()->message);
	free(url);
}

void teller_open(struct teller *t, struct bank *bank, const struct sqla_engine_options *options)
{
	memset(t, 0, sizeof(*t));
	t->bank = bank;
	for (t->n = 0; t->n < strlen(bank_kinds(bank)); t->n++)
		add_engine(t, t->n, options);
}

void teller_close(struct teller *t)
{
	teller_leave(t);
	if (sqla_engine_unregister(NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
}

/* All pay CENTS but the last, who gets it all; one alone pays itself. */
static int64_t share(const struct teller *t, size_t nth)
{
	return nth + 1 < t->n ? -CENTS : CENTS * ((int64_t)t->n - 1);
}

static int write_one(struct teller *t, size_t nth, int64_t id)
{
	struct sqla_session **s = &t->sessions[nth];
	int status = sqla_session_open(t->names[nth], s);

	if (status == 0)
		status = sqla_exec(*s, "UPDATE account SET cents = cents + $1 WHERE id = $2",
				   sqla_int(share(t, nth)), sqla_int(id % ACCOUNTS));
	if (status == 0)
		status = sqla_exec(*s,
				   "INSERT INTO transfer (id, cents, parts) VALUES ($1, $2, $3)",
				   sqla_int(id), sqla_int(share(t, nth)),
				   sqla_text(bank_kinds(t->bank)));
	return status;
}

int teller_write(struct teller *t, int64_t id)
{
	int status = 0;

	for (size_t i = 0; status == 0 && i < t->n; i++)
		status = write_one(t, i, id);
	return status;
}

int teller_commit(struct teller *t)
{
	return txn_current() ? txn_commit() : sqla_session_commit(t->sessions[0]);
}

void teller_leave(struct teller *t)
{
	if (txn_current())
		(void)txn_abort();
	for (size_t i = 0; i < t->n; i++) {
		sqla_session_close(t->sessions[i]);
		t->sessions[i] = NULL;
	}
}

void teller_recover(struct teller *t)
{
	const struct sqla_recover_options now = { .grace_s = -1 };
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; sqla_recover(&now, NULL, NULL, NULL) != 0 || bank_in_doubt(t->bank) > 0;
	     i++) {
		if (i == TRIES)
			must_fail("recovery leaves branches: %s", sqla_error_last()->message);
		(void)nanosleep(&pause, NULL);
	}
}
