/* The life of a link: engine/driver.h, "life". */
#ifndef POSTGRES_CONNECT_H
#define POSTGRES_CONNECT_H

#include "engine/driver.h"

int pg_open(struct engine_config *config, enum driver_purpose purpose,
	    struct driver_conn **ret_conn);
void pg_close(struct driver_conn *conn);
void pg_abandon(struct driver_conn *conn);
bool pg_is_idle(const struct driver_conn *conn);
int pg_reset(struct driver_conn *conn);
int pg_ping(struct driver_conn *conn);
void pg_describe(struct driver_conn *conn, char *ret_id, size_t size);

#endif
