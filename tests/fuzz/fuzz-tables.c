/*
 * Tables declared as JSON, the file of `sqlassist doctor --tables`. What is
 * taken is printed and taken again as the same.
 */
#include <stdlib.h>
#include <string.h>

#include <sqlassist/error.h>
#include <sqlassist/table.h>

#include "fuzz/fuzz.h"
#include "support/must.h"

const char fuzz_name[] = "tables";

static void check_round_trip(const struct sqla_metadata *metadata)
{
	struct sqla_metadata *second = NULL;
	char *json = sqla_metadata_json(metadata), *again;

	fuzz_must(json);
	fuzz_must(sqla_metadata_parse(json, &second) == 0);
	again = sqla_metadata_json(second);
	fuzz_must(again && strcmp(json, again) == 0);
	sqla_metadata_free(second);
	free(again);
	free(json);
}

static void check_sql(const struct sqla_metadata *metadata, const char *dialect)
{
	char *sql = sqla_metadata_sql(metadata, dialect);

	fuzz_must(sql || sqla_error_last()->status < 0);
	free(sql);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sqla_metadata *metadata = NULL;
	char *text = fuzz_text(data, size);

	if (sqla_metadata_parse(text, &metadata) < 0) {
		fuzz_must(!metadata && sqla_error_last()->message[0]);
	} else {
		check_round_trip(metadata);
		check_sql(metadata, "sqlite");
		check_sql(metadata, "postgresql");
	}
	sqla_metadata_free(metadata);
	free(text);
	return 0;
}
