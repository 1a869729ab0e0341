/* Values of placeholders, as libpq wants them. */
#ifndef POSTGRES_VALUES_H
#define POSTGRES_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlassist/session.h>

#include "postgres/talk.h"

struct pg_link;

enum { PG_VALUES_FEW = 8, PG_VALUES_SHORT = 512 };

struct pg_values {
	const char **values;
	Oid *types;
	int *lengths;
	int *formats;
	char *arena;  /* the texts that VALUES points into */
	bool is_many; /* each has memory of its own */
	struct {
		const char *values[PG_VALUES_FEW];
		Oid types[PG_VALUES_FEW];
		int lengths[PG_VALUES_FEW];
		int formats[PG_VALUES_FEW];
		char arena[PG_VALUES_SHORT];
	} few; /* where it suffices */
};

/* Free with pg_values_free, also on failure; not to be copied. Blobs are borrowed, all
 * else is copied. SQLA_EMISUSE: too many, too long, or text that is no text. */
int pg_values_make(struct pg_link *link, const struct sqla_value values[], size_t n,
		   struct pg_values *ret_values);
void pg_values_free(struct pg_values *values);

#endif
