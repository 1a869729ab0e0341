#include "schema/sql.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/stream.h"

int sql_begin(struct sql *sql)
{
	sql->text = NULL;
	sql->size = 0;
	sql->out = stream_open(&sql->text, &sql->size);
	return sql->out ? 0 : error_nomem();
}

int sql_end(struct sql *sql)
{
	bool is_whole = fclose(sql->out) == 0;

	sql->out = NULL;
	if (is_whole)
		return 0;
	free(sql->text);
	sql->text = NULL;
	return error_nomem();
}
