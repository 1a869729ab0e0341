#include "schema/both.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/cluster.h"
#include "support/must.h"
#include "support/scratch.h"

static char *url;

static void setup(void)
{
	if (sqla_engine_register("e", url, NULL) < 0)
		must_fail("%s", sqla_error_last()->message);
}

void both_setup_postgres(void)
{
	struct cluster *c = cluster_get("one");
	char *database = must_printf("schema_%d", (int)getpid());

	url = cluster_database(c, database);
	free(database);
	cluster_free(c);
	setup();
}

void both_setup_sqlite(void)
{
	url = scratch_sqlite_url("schema.db");
	setup();
}

void both_teardown(void)
{
	(void)txn_abort();
	(void)sqla_session_remove("e");
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0), "%s", sqla_error_last()->message);
	free(url);
}

bool both_is_sqlite(void)
{
	return strncmp(url, "sqlite", strlen("sqlite")) == 0;
}

const char *both_url(void)
{
	return url;
}

void both_exec(const char *sql)
{
	if (both_is_sqlite())
		must_exec_file(url + strlen("sqlite:///"), "%s", sql);
	else
		must_exec_at(url, "%s", sql);
}

struct sqla_metadata *must_metadata(const struct sqla_table *const tables[])
{
	struct sqla_metadata *metadata = NULL;

	if (sqla_metadata_new(NULL, &metadata) < 0)
		must_fail("%s", sqla_error_last()->message);
	for (; *tables; tables++)
		if (sqla_metadata_add(metadata, *tables) < 0)
			must_fail("%s", sqla_error_last()->message);
	return metadata;
}
