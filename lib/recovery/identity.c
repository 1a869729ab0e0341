#include "recovery/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

typedef int read_fn(struct driver_rows *rows, struct identity *identity);

static void copy_text(struct driver_rows *rows, int column, char *ret, size_t size)
{
	const char *text;

	if (!rows->ops->is_null(rows, column) && rows->ops->get_text(rows, column, &text) == 0)
		(void)snprintf(ret, size, "%s", text);
}

static int read_postgres(struct driver_rows *rows, struct identity *identity)
{
	char standby[8] = "";
	int status = rows->ops->next(rows);

	if (status <= 0)
		return status;
	copy_text(rows, 0, identity->server, sizeof(identity->server));
	copy_text(rows, 1, identity->database, sizeof(identity->database));
	copy_text(rows, 2, identity->native_site, sizeof(identity->native_site));
	copy_text(rows, 3, standby, sizeof(standby));
	identity->is_standby = strcmp(standby, "yes") == 0;
	return 0;
}

/* The main database has number 0; one in memory has no file and no identity. */
static int read_sqlite(struct driver_rows *rows, struct identity *identity)
{
	const char *path;
	struct stat st;
	int status;

	while ((status = rows->ops->next(rows)) == 1) {
		char name[16] = "";

		copy_text(rows, 1, name, sizeof(name));
		if (strcmp(name, "main") != 0 || rows->ops->is_null(rows, 2) ||
		    rows->ops->get_text(rows, 2, &path) < 0 || stat(path, &st) < 0)
			continue;
		(void)snprintf(identity->server, sizeof(identity->server), "%ju-%ju",
			       (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
		(void)snprintf(identity->database, sizeof(identity->database), "main");
	}
	return status;
}

#define POSTGRES_STANDBY "CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'yes' ELSE 'no' END"

/* Text only, so that no driver's number format matters. LESS is what a role
 * may ask that may not ask for everything. */
static const struct {
	const char *driver;
	const char *sql;
	const char *less;
	read_fn *read;
} questions[] = {
	{ "postgresql",
	  "SELECT c.system_identifier || '@' || "
	  "pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())::text, "
	  "d.datname::text, c.system_identifier || '-' || d.oid, " POSTGRES_STANDBY
	  " FROM pg_catalog.pg_control_system() c, pg_catalog.pg_database d "
	  "WHERE d.datname = pg_catalog.current_database()",
	  "SELECT NULL::text, pg_catalog.current_database()::text, NULL::text, " POSTGRES_STANDBY,
	  read_postgres },
	{ "sqlite", "PRAGMA database_list", NULL, read_sqlite },
};

static int ask(struct driver_conn *conn, const char *sql, read_fn *read,
	       struct identity *ret_identity)
{
	struct identity identity = { 0 };
	struct driver_rows *rows = NULL;
	int64_t affected;
	int status;

	status = conn->driver->execute(conn, sql, NULL, 0, &rows, &affected);
	if (status < 0)
		return status;
	status = read(rows, &identity);
	rows->ops->free(rows);
	if (status == 0)
		*ret_identity = identity;
	return status;
}

int identity_ask(struct driver_conn *conn, struct identity *ret_identity)
{
	int status;

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		if (strcmp(questions[i].driver, conn->driver->name) != 0)
			continue;
		status = ask(conn, questions[i].sql, questions[i].read, ret_identity);
		if (status == SQLA_EDATABASE && questions[i].less && !conn->is_broken)
			status = ask(conn, questions[i].less, questions[i].read, ret_identity);
		return status;
	}
	return 0;
}

bool identity_is_same(const struct identity *one, const struct identity *other)
{
	return one->server[0] && strcmp(one->server, other->server) == 0 &&
	       strcmp(one->database, other->database) == 0;
}
