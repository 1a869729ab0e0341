#include "postgres/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "base/error.h"
#include "base/hash.h"
#include "postgres/talk.h"

/* One of the library's own, by the address of its SQL. */
struct own {
	struct pg_statement statement;
	const char *sql;
	UT_hash_handle hh;
};

/* One of the application's, by its key: types, then text. */
struct kept {
	struct pg_statement statement;
	char *key;
	size_t size;
	UT_hash_handle hh;	  /* of seen or of used, least recently used first */
	struct kept *next, *prev; /* of dropped */
};

struct pg_statements {
	unsigned limit;
	unsigned serial;
	struct own *own;
	struct kept *seen;
	struct kept *used;
	struct kept *dropped; /* the server still has them */
	char *key;	      /* of the command that is looked for */
	unsigned hash;
	size_t size;
	size_t room;
};

struct pg_statements *pg_statements_new(unsigned limit)
{
	struct pg_statements *all = calloc(1, sizeof(*all));

	if (!all)
		error_nomem();
	else
		all->limit = limit;
	return all;
}

static void free_kept(struct kept *kept)
{
	free(kept->key);
	free(kept);
}

static void clear(struct kept **head)
{
	struct kept *one, *next;

	HASH_ITER(hh, *head, one, next) {
		HASH_DELETE(hh, *head, one);
		free_kept(one);
	}
}

void pg_statements_forget(struct pg_statements *all)
{
	struct kept *dropped, *next_dropped;
	struct own *one, *next;

	HASH_ITER(hh, all->own, one, next)
		one->statement.is_prepared = false;
	clear(&all->seen);
	clear(&all->used);
	DL_FOREACH_SAFE(all->dropped, dropped, next_dropped) {
		DL_DELETE(all->dropped, dropped);
		free_kept(dropped);
	}
}

void pg_statements_free(struct pg_statements *all)
{
	struct own *one, *next;

	if (!all)
		return;
	pg_statements_forget(all);
	HASH_ITER(hh, all->own, one, next) {
		HASH_DELETE(hh, all->own, one);
		free(one);
	}
	free(all->key);
	free(all);
}

/* ---- names ------------------------------------------------------------------ */

/* A name is never used twice: the server may still have its last bearer. */
static void name(struct pg_statements *all, struct pg_statement *statement)
{
	(void)snprintf(statement->name, sizeof(statement->name), PG_STATEMENT_PREFIX "%u",
		       ++all->serial);
}

/* ---- the library's own -------------------------------------------------------- */

static struct pg_statement *own_of(struct pg_statements *all, const char *sql)
{
	unsigned hash = hash_words(&sql, sizeof(sql));
	struct own *own;

	HASH_FIND_BYHASHVALUE(hh, all->own, &sql, sizeof(sql), hash, own);
	if (!own) {
		own = calloc(1, sizeof(*own));
		if (!own)
			return NULL;
		own->sql = sql;
		HASH_ADD_BYHASHVALUE(hh, all->own, sql, sizeof(sql), hash, own);
		if (!own->hh.tbl) {
			free(own);
			return NULL;
		}
	}
	if (!own->statement.is_prepared)
		name(all, &own->statement);
	return &own->statement;
}

/* ---- the application's -------------------------------------------------------- */

/* The key of COMMAND in all->key; often it is there. */
static bool make_key(struct pg_statements *all, const struct pg_command *command)
{
	size_t types = command->types ? (size_t)command->n * sizeof(*command->types) : 0;
	size_t text = strnlen(command->sql, PG_STATEMENT_TEXT_MAX + 1);
	size_t size = types + text;

	if (text > PG_STATEMENT_TEXT_MAX)
		return false;
	if (size > 0 && size == all->size && memcmp(all->key + types, command->sql, text) == 0 &&
	    (!types || memcmp(all->key, command->types, types) == 0))
		return true;
	if (size > all->room) {
		char *key = realloc(all->key, size);

		if (!key)
			return false;
		all->key = key;
		all->room = size;
	}
	if (types)
		memcpy(all->key, command->types, types);
	memcpy(all->key + types, command->sql, text);
	all->size = size;
	HASH_VALUE(all->key, size, all->hash);
	return true;
}

static struct kept *find(struct pg_statements *all, struct kept *head)
{
	struct kept *kept;

	HASH_FIND_BYHASHVALUE(hh, head, all->key, all->size, all->hash, kept);
	return kept;
}

/* As the most recently used of HEAD; false: there is no memory, and it is gone. */
static bool add(struct kept **head, struct kept *kept, unsigned hash)
{
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, *head, kept->key, kept->size, hash, kept);
	if (kept->hh.tbl)
		return true;
	free_kept(kept);
	return false;
}

static void drop(struct pg_statements *all, struct kept *kept)
{
	HASH_DELETE(hh, all->used, kept);
	if (kept->statement.is_prepared)
		DL_APPEND(all->dropped, kept);
	else
		free_kept(kept);
}

/* It was seen before: it moves to those that are used. */
static struct kept *promote(struct pg_statements *all)
{
	struct kept *kept = find(all, all->seen);

	if (!kept)
		return NULL;
	HASH_DELETE(hh, all->seen, kept);
	if (!add(&all->used, kept, all->hash))
		return NULL;
	if (HASH_COUNT(all->used) > all->limit)
		drop(all, all->used);
	return kept;
}

static struct pg_statement *kept_of(struct pg_statements *all, const struct pg_command *command)
{
	struct kept *kept;

	if (!make_key(all, command))
		return NULL;
	kept = find(all, all->used);
	if (!kept) {
		kept = promote(all);
	} else if (kept->hh.next) {
		HASH_DELETE(hh, all->used, kept);
		kept = add(&all->used, kept, all->hash) ? kept : NULL;
	}
	if (!kept)
		return NULL;
	if (!kept->statement.is_prepared)
		name(all, &kept->statement);
	return &kept->statement;
}

struct pg_statement *pg_statement_of(struct pg_statements *all, const struct pg_command *command)
{
	if (all->limit == 0)
		return NULL;
	switch (command->how) {
	case PG_SEND_OWN:
		return own_of(all, command->sql);
	case PG_SEND_KEPT:
		return kept_of(all, command);
	case PG_SEND_PLAIN:
	case PG_SEND_SIMPLE:
		break;
	}
	return NULL;
}

const struct pg_statement *pg_statement_known(struct pg_statements *all,
					      const struct pg_command *command)
{
	const struct kept *kept = all->used && make_key(all, command) ? find(all, all->used) : NULL;

	return kept ? &kept->statement : NULL;
}

void pg_statement_seen(struct pg_statements *all, const struct pg_command *command)
{
	struct kept *kept;

	if (!all->limit || !make_key(all, command) || find(all, all->seen) || find(all, all->used))
		return;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return;
	kept->size = all->size;
	kept->key = malloc(kept->size + 1);
	if (!kept->key) {
		free(kept);
		return;
	}
	memcpy(kept->key, all->key, kept->size);
	if (!add(&all->seen, kept, all->hash) || HASH_COUNT(all->seen) <= all->limit)
		return;
	kept = all->seen;
	HASH_DELETE(hh, all->seen, kept);
	free_kept(kept);
}

/* Without memory the server keeps it. */
static void drop_own(struct pg_statements *all, const char *sql)
{
	struct own *own;
	struct kept *kept;

	HASH_FIND_BYHASHVALUE(hh, all->own, &sql, sizeof(sql), hash_words(&sql, sizeof(sql)), own);
	if (!own)
		return;
	kept = own->statement.is_prepared ? calloc(1, sizeof(*kept)) : NULL;
	if (kept) {
		kept->statement = own->statement;
		DL_APPEND(all->dropped, kept);
	}
	HASH_DELETE(hh, all->own, own);
	free(own);
}

void pg_statement_drop(struct pg_statements *all, const struct pg_command *command)
{
	struct kept *kept;

	if (command->how == PG_SEND_OWN) {
		drop_own(all, command->sql);
		return;
	}
	kept = all->used && make_key(all, command) ? find(all, all->used) : NULL;
	if (kept)
		drop(all, kept);
}

void pg_statements_renew(struct pg_statements *all)
{
	while (all->used)
		drop(all, all->used);
}

/* ---- dropping --------------------------------------------------------------------- */

const char *pg_statement_dropped(const struct pg_statements *all)
{
	return all->dropped ? all->dropped->statement.name : NULL;
}

void pg_statement_closed(struct pg_statements *all)
{
	struct kept *first = all->dropped;

	DL_DELETE(all->dropped, first);
	free_kept(first);
}
