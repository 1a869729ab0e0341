/*
 * What a PostgreSQL server answers that cannot be trusted, or is none: through
 * connect, begin, statements, savepoints, votes, the claim, the commit, and then
 * a recovery and an examination. A commit is only reported when a server said
 * that it was one.
 */
#include <stdbool.h>
#include <stdlib.h>

#include <sqlassist.h>

#include "fuzz/fuzz.h"
#include "fuzz/liar.h"
#include "support/must.h"

const char fuzz_name[] = "server";

static void must_register(const char *name, const struct sqla_engine_options *options)
{
	char *url = liar_url(name);

	fuzz_must(sqla_engine_register(name, url, options) == 0);
	free(url);
}

/* Whatever it is, every cell can be asked for. */
static void read_rows(struct sqla_rows *rows)
{
	for (int seen = 0; seen < 100 && sqla_rows_next(rows) == 1; seen++) {
		for (int column = 0; column < sqla_rows_columns(rows); column++) {
			size_t size;

			fuzz_must(sqla_rows_name(rows, column));
			if (sqla_rows_is_null(rows, column))
				continue;
			(void)sqla_rows_int(rows, column);
			(void)sqla_rows_real(rows, column);
			(void)sqla_rows_text(rows, column);
			(void)sqla_rows_blob(rows, column, &size);
		}
	}
	sqla_rows_close(rows);
}

static int work_in(struct sqla_session *s)
{
	struct sqla_rows *rows = NULL;
	int status = sqla_exec(s, "INSERT INTO t(v) VALUES ($1)", sqla_int(1));

	if (status == 0)
		status = sqla_query(s, &rows, "SELECT v FROM t");
	if (status == 0)
		read_rows(rows);
	return status;
}

static int transfer(void)
{
	struct txn_savepoint *savepoint = NULL;
	struct sqla_session *a = NULL, *b = NULL;
	int status = sqla_session_open("a", &a);

	if (status == 0)
		status = sqla_session_open("b", &b);
	if (status == 0)
		status = work_in(a);
	if (status == 0 && txn_savepoint(0, &savepoint) == 0)
		status = work_in(b);
	if (status == 0)
		status = txn_commit();
	if (status < 0)
		(void)txn_abort();
	sqla_session_close(a);
	sqla_session_close(b);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sqla_engine_options prefer = { .decide = SQLA_DECIDE_PREFER };
	static bool is_started;
	struct liar_claims claims[2];
	int status;

	if (!is_started)
		liar_start();
	is_started = true;
	liar_listen(data, size);
	must_register("a", &prefer);
	must_register("b", NULL);
	status = transfer();
	fuzz_recover_and_examine(NULL);
	liar_rest(claims);

	fuzz_must(size > 0 || status == 0);
	if (status >= 0 && (claims[0].has_changed || claims[1].has_changed))
		fuzz_must(claims[0].has_committed || claims[1].has_committed);
	return 0;
}
