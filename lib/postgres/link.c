#include "postgres/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/stream.h"

void pg_break(struct pg_link *link)
{
	int socket = PQsocket(link->native);

	link->base.is_broken = true;
	if (socket >= 0)
		(void)shutdown(socket, SHUT_RDWR);
}

void pg_forget_transaction(struct pg_link *link)
{
	link->base.is_in_transaction = false;
	link->is_begin_due = false;
	link->is_unsure = false;
	link->is_xid_open = false;
	link->has_changed = false;
	link->is_ended_by_hand = false;
	link->outermost = 0;
	link->is_guarded = !link->server.is_pooled;
	link->is_held = false;
	error_none(&link->failure);
}

char *pg_quote(const char *identifier)
{
	char *text = NULL;
	size_t size;
	FILE *out = stream_open(&text, &size);

	if (!out)
		return NULL;
	(void)fputc('"', out);
	for (; *identifier; identifier++) {
		if (*identifier == '"')
			(void)fputc('"', out);
		(void)fputc(*identifier, out);
	}
	(void)fputc('"', out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

char *pg_table_name(const char *schema)
{
	char *quoted = pg_quote(schema);
	char *name = NULL;

	if (quoted && asprintf(&name, "%s.sqlassist_decision", quoted) < 0)
		name = NULL;
	free(quoted);
	return name;
}

char *pg_array(const char *const words[], size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *out = stream_open(&text, &size);

	for (size_t i = 0; out && i < n; i++)
		(void)fprintf(out, "%c%s", i ? ',' : '{', words[i]);
	if (out)
		(void)fputs(n ? "}" : "{}", out);
	if (!out || fclose(out) != 0) {
		free(text);
		(void)error_nomem();
		return NULL;
	}
	return text;
}

char *pg_table_sql(const struct pg_link *link, const char *before, const char *after)
{
	char *sql = NULL;

	if (asprintf(&sql, "%s%s%s", before, link->table, after) < 0) {
		(void)error_nomem();
		return NULL;
	}
	return sql;
}
