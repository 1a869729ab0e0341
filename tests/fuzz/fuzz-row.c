/*
 * Rows that a stranger wrote into the decision table of a SQLite file: what a
 * look makes of them, and what a recovery forgets. The input is a list of rows,
 * each of four values; the first row is the one that is looked for.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist.h>
#include <sqlite3.h>

#include "engine/driver.h"
#include "engine/engine.h"
#include "fuzz/fuzz.h"
#include "support/must.h"
#include "support/scratch.h"

const char fuzz_name[] = "row";

enum { ROWS_MAX = 8, COLUMNS = 4 };

/* Its branch is at a site that nobody can ask: it is never forgotten (I5). */
#define GUARDIAN "99999999-9999-4999-8999-999999999999"
#define ELSEWHERE "88888888-8888-4888-8888-888888888888"

static sqlite3 *db; /* the stranger's */

static void must_execute(const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		must_fail("%s: %s", sql, sqlite3_errmsg(db));
}

/* The engine makes its table at its first use. */
static void prepare(void)
{
	static const struct sqla_engine_options small = { .pool_size = 1 };
	char *url = scratch_sqlite_url("rows.db");
	char *path = scratch_path("rows.db");
	struct sqla_session *s;

	fuzz_must(sqla_engine_register("rows", url, &small) == 0);
	fuzz_must(sqla_session_open("rows", &s) == 0);
	fuzz_must(sqla_exec(s, "SELECT 1") == 0 && txn_commit() == 0);
	sqla_session_close(s);
	fuzz_must(sqlite3_open(path, &db) == SQLITE_OK);
	must_execute("PRAGMA synchronous = OFF");
	free(path);
	free(url);
}

/* ---- the rows ---------------------------------------------------------------- */

static void bind(sqlite3_stmt *stmt, int column, struct fuzz_input *input)
{
	uint8_t kind = fuzz_byte(input);
	size_t size;
	char *piece = fuzz_piece(input, &size);

	switch (kind % 5) {
	case 0:
		(void)sqlite3_bind_text(stmt, column, piece, (int)size, SQLITE_TRANSIENT);
		break;
	case 1:
		(void)sqlite3_bind_blob(stmt, column, piece, (int)size, SQLITE_TRANSIENT);
		break;
	case 2:
		(void)sqlite3_bind_int64(stmt, column, strtoll(piece, NULL, 10));
		break;
	case 3:
		(void)sqlite3_bind_double(stmt, column, strtod(piece, NULL));
		break;
	default:
		(void)sqlite3_bind_null(stmt, column);
	}
	free(piece);
}

static void insert_rows(struct fuzz_input *input)
{
	sqlite3_stmt *stmt = NULL;

	must_execute("BEGIN; DELETE FROM sqlassist_decision WHERE verdict <> 'site';"
		     "INSERT INTO sqlassist_decision VALUES ('" GUARDIAN
		     "', 'committed', '" ELSEWHERE "=sqla1." GUARDIAN ".1." ELSEWHERE ".x', 0)");
	fuzz_must(sqlite3_prepare_v2(db, "INSERT INTO sqlassist_decision VALUES (?, ?, ?, ?)", -1,
				     &stmt, NULL) == SQLITE_OK);
	for (int i = 0; i < ROWS_MAX && input->left > 0; i++) {
		for (int column = 1; column <= COLUMNS; column++)
			bind(stmt, column, input);
		(void)sqlite3_step(stmt); /* refused: two of one key, or NULL */
		(void)sqlite3_reset(stmt);
	}
	(void)sqlite3_finalize(stmt);
	must_execute("COMMIT");
}

/* Whether there is a row of this key and, exactly, this verdict. */
static bool is_there(const char *uuid, const char *verdict)
{
	sqlite3_stmt *stmt = NULL;
	bool is;

	fuzz_must(
		sqlite3_prepare_v2(db,
				   "SELECT 1 FROM sqlassist_decision WHERE txn = ? AND verdict = ?",
				   -1, &stmt, NULL) == SQLITE_OK);
	(void)sqlite3_bind_text(stmt, 1, uuid, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(stmt, 2, verdict, -1, SQLITE_STATIC);
	is = sqlite3_step(stmt) == SQLITE_ROW;
	(void)sqlite3_finalize(stmt);
	return is;
}

/* ---- what is made of them -------------------------------------------------------- */

static int still_prepared(void *arg)
{
	return *(int *)arg;
}

/* No verdict is guessed (I6). */
static void look(const char *uuid, int prepared)
{
	struct engine *engine = NULL;
	struct driver_conn *conn = NULL;
	struct driver_look look = { .uuid = uuid,
				    .still_prepared = still_prepared,
				    .arg = &prepared };
	enum driver_look_result result;

	fuzz_must(engine_get("rows", &engine) == 0);
	fuzz_must(engine_config(engine)->driver->open(engine_config(engine), DRIVER_RECOVERY,
						      &conn) == 0);
	result = conn->driver->look(conn, &look);
	if (result == LOOK_COMMITTED)
		fuzz_must(is_there(uuid, "committed"));
	if (result == LOOK_ABORTED)
		fuzz_must(!is_there(uuid, "committed") &&
			  (prepared > 0 || is_there(uuid, "aborted")));
	fuzz_must(look.evidence[0]);
	conn->driver->close(conn);
	engine_unref(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sqla_recover_options now = { .grace_s = -1 };
	struct fuzz_input input = { data, size };
	struct fuzz_input first = { data, size };
	char *uuid;

	if (!db)
		prepare();
	insert_rows(&input);
	(void)fuzz_byte(&first);
	uuid = fuzz_piece(&first, NULL);
	look(uuid, (int)(size % 3) - 1);
	look(GUARDIAN, 1);
	(void)sqla_recover(&now, NULL, NULL, NULL);
	fuzz_must(is_there(GUARDIAN, "committed"));
	free(uuid);
	return 0;
}
