#include "sqlite/statement.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { TEXT_MAX = 65536 }; /* longer ones are not kept */

struct lite_kept {
	sqlite3_stmt *stmt; /* whose own text is the key */
	bool is_used;
	UT_hash_handle hh; /* least recently used first */
};

static struct lite_kept *find(const struct lite_conn *conn, const char *sql)
{
	struct lite_kept *kept = NULL;

	if (conn->kept)
		HASH_FIND_STR(conn->kept, sql, kept);
	return kept;
}

/* The one of STMT, or NULL. Whoever is asked for last is last in the order. */
static struct lite_kept *find_used(const struct lite_conn *conn, const sqlite3_stmt *stmt)
{
	struct lite_kept *kept = conn->kept;

	if (kept)
		kept = ELMT_FROM_HH(kept->hh.tbl, kept->hh.tbl->tail);
	while (kept && kept->stmt != stmt)
		kept = kept->hh.prev;
	return kept;
}

static void give_up(struct lite_conn *conn, struct lite_kept *kept)
{
	HASH_DEL(conn->kept, kept);
	(void)sqlite3_finalize(kept->stmt);
	free(kept);
}

/* False: there is no memory, and KEPT is not in it. */
static bool append(struct lite_conn *conn, struct lite_kept *kept, size_t length, unsigned hash)
{
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, conn->kept, sqlite3_sql(kept->stmt), length, hash, kept);
	return kept->hh.tbl != NULL;
}

static void make_room(struct lite_conn *conn)
{
	unsigned limit = (unsigned)lite_config(conn)->options.statement_cache;
	struct lite_kept *kept, *next;

	HASH_ITER(hh, conn->kept, kept, next) {
		if (HASH_COUNT(conn->kept) < limit)
			return;
		if (!kept->is_used)
			give_up(conn, kept);
	}
}

sqlite3_stmt *lite_statement_take(struct lite_conn *conn, const char *sql)
{
	struct lite_kept *kept = find(conn, sql);
	sqlite3_stmt *stmt;

	if (!kept || kept->is_used)
		return NULL;
	stmt = kept->stmt;
	kept->is_used = true;
	if (!kept->hh.next)
		return stmt;
	HASH_DEL(conn->kept, kept);
	if (!append(conn, kept, kept->hh.keylen, kept->hh.hashv))
		free(kept); /* the statement goes on without it */
	return stmt;
}

void lite_statement_keep(struct lite_conn *conn, sqlite3_stmt *stmt)
{
	const char *sql = sqlite3_sql(stmt);
	size_t length = strlen(sql);
	struct lite_kept *kept;
	unsigned hash;

	if (lite_config(conn)->options.statement_cache <= 0 || length > TEXT_MAX || find(conn, sql))
		return;
	make_room(conn);
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return;
	kept->stmt = stmt;
	kept->is_used = true;
	HASH_VALUE(sql, length, hash);
	if (!append(conn, kept, length, hash))
		free(kept);
}

void lite_statement_end(struct lite_conn *conn, sqlite3_stmt *stmt)
{
	struct lite_kept *kept = find_used(conn, stmt);

	if (!kept) {
		(void)sqlite3_finalize(stmt);
		return;
	}
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	kept->is_used = false;
}

void lite_statement_end_all(struct lite_conn *conn)
{
	struct lite_kept *kept, *next;

	HASH_ITER(hh, conn->kept, kept, next)
		give_up(conn, kept);
}
