/*
 * A SQLite file that a stranger made, whole: it is used, recovered and examined.
 * Whatever it is, the file beside it is left alone, and what commits together
 * with the other is in both, or in neither.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist.h>

#include "fuzz/fuzz.h"
#include "support/must.h"
#include "support/scratch.h"

const char fuzz_name[] = "file";

static void must_register(const char *name)
{
	static const struct sqla_engine_options impatient = { .busy_timeout_ms = SQLA_ZERO };
	char *file = must_printf("%s.db", name);
	char *url = scratch_sqlite_url(file);

	fuzz_must(sqla_engine_register(name, url, &impatient) == 0);
	free(url);
	free(file);
}

static void remove_beside(const char *file)
{
	static const char *const suffixes[] = { "", "-journal", "-wal", "-shm" };

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char *name = must_printf("%s%s", file, suffixes[i]);
		char *path = scratch_path(name);

		(void)remove(path);
		free(path);
		free(name);
	}
}

static int64_t count(const char *file)
{
	char *path = scratch_path(file);
	int64_t n = must_query_int_file(path, "SELECT count(*) FROM t");

	free(path);
	return n;
}

/* As an application does: what fails is aborted. */
static int transfer(void)
{
	struct sqla_session *hostile = NULL, *honest = NULL;
	int status = sqla_session_open("hostile", &hostile);

	if (status == 0)
		status = sqla_session_open("honest", &honest);
	if (status == 0)
		status = sqla_exec(honest, "INSERT INTO t VALUES (1)");
	if (status == 0)
		status = sqla_exec(hostile, "INSERT INTO t VALUES (1)");
	if (status == 0)
		status = txn_commit();
	if (status < 0)
		(void)txn_abort();
	sqla_session_close(hostile);
	sqla_session_close(honest);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = scratch_path("hostile.db"), *honest = scratch_path("honest.db");
	int status;

	remove_beside("hostile.db");
	remove_beside("honest.db");
	fuzz_write(path, data, size);
	must_exec_file(honest, "PRAGMA journal_mode = DELETE; CREATE TABLE t(i)");
	must_register("hostile");
	must_register("honest");
	status = transfer();
	fuzz_must(status <= 0);
	fuzz_must(status == SQLA_EINDOUBT || count("honest.db") == (status == 0));
	fuzz_recover_and_examine("hostile");
	free(honest);
	free(path);
	return 0;
}
