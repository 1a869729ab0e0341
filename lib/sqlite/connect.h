/* Opening and closing a SQLite connection: members of struct driver. */
#ifndef SQLITE_CONNECT_H
#define SQLITE_CONNECT_H

#include "sqlite/conn.h"

bool lite_claims_url(const char *url);
int lite_resolve_url(const char *engine, const char *url, char **ret_url);
int lite_check(const struct engine_config *config);
int lite_open(struct engine_config *config, enum driver_purpose purpose,
	      struct driver_conn **ret_conn);
void lite_close(struct driver_conn *head);
/* Locks are waited for as the driver does it, and failures have the codes that it
 * knows, whatever the application has told SQLite about that. */
void lite_insist(struct lite_conn *conn);
bool lite_is_idle(const struct driver_conn *head);
int lite_reset(struct driver_conn *head);
int lite_ping(struct driver_conn *head);
void lite_describe(struct driver_conn *head, char *ret_id, size_t size);
void *lite_native(struct driver_conn *head);

/*
 * Opens the file of CONFIG, if it is there, and reads nothing: a journal that was
 * left beside it stays as it is. NULL: it cannot be opened. Sets no error.
 */
sqlite3 *lite_open_unread(const struct engine_config *config);

#endif
