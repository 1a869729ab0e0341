/* Values of placeholders, as libpq wants them. */
#ifndef POSTGRES_VALUES_H
#define POSTGRES_VALUES_H

#include <stddef.h>

#include <sqlassist/session.h>

#include "postgres/talk.h"

struct pg_link;

struct pg_values {
	const char **values;
	Oid *types;
	int *lengths;
	int *formats;
	char *arena; /* the texts that VALUES points into */
};

/* Free with pg_values_free, also on failure. Blobs are borrowed, all else is
 * copied. SQLA_EMISUSE: too many, too long, or text that is no text. */
int pg_values_make(struct pg_link *link, const struct sqla_value values[], size_t n,
		   struct pg_values *ret_values);
void pg_values_free(struct pg_values *values);

#endif
