#include "schema/sql.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/error.h"

int sql_begin(struct sql *sql)
{
	sql->text = NULL;
	sql->size = 0;
	sql->out = open_memstream(&sql->text, &sql->size);
	return sql->out ? 0 : error_nomem();
}

int sql_end(struct sql *sql)
{
	bool is_whole = !ferror(sql->out);

	is_whole = fclose(sql->out) == 0 && is_whole;
	sql->out = NULL;
	if (is_whole)
		return 0;
	free(sql->text);
	sql->text = NULL;
	return error_nomem();
}
