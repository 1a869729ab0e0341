#include "recovery/party.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

/* ---- an engine as a party ---------------------------------------------- */

/*
 * A database without a decision table has no site of its own making; it may
 * still have branches, which then carry the name that the server gives it.
 */
static int open_engine(struct party *party)
{
	struct engine_config *config = engine_config(party->engine);
	int status;

	status = config->driver->open(config, DRIVER_RECOVERY, &party->conn);
	if (status < 0)
		return status;
	status = identity_ask(party->conn, &party->identity);
	if (status < 0)
		return status;
	status = config->driver->site(party->conn, party->site);
	if (status < 0 && !party->conn->is_broken) {
		log_debug("recovery: engine \"%s\" has no site: %s", party->name,
			  sqla_error_last()->message);
		party->site[0] = '\0';
		status = 0;
	}
	return status;
}

static int list_engine(struct party *party, driver_prepared_fn *fn, void *arg)
{
	return party->conn->driver->list_prepared(party->conn, fn, arg);
}

static int is_prepared_in_engine(struct party *party, const char *gid)
{
	return party->conn->driver->is_prepared(party->conn, gid);
}

static int end_in_engine(struct party *party, const char *gid, bool commit, const char *xid)
{
	return party->conn->driver->end_prepared(party->conn, gid, commit, xid);
}

static bool is_engine_lost(const struct party *party)
{
	return !party->conn || party->conn->is_broken;
}

static void release_engine(struct party *party)
{
	if (party->conn)
		party->conn->driver->close(party->conn);
	engine_unref(party->engine);
}

static enum driver_look_result look_in_engine(struct party *party, struct driver_look *look)
{
	return party->conn->driver->look(party->conn, look);
}

static int list_rows_of_engine(struct party *party, driver_row_fn *fn, void *arg)
{
	int64_t age = engine_config(party->engine)->options.keep_decisions;

	return party->conn->driver->list_rows(party->conn, age, fn, arg);
}

static int forget_rows_of_engine(struct party *party, const char *const uuids[], size_t n)
{
	return party->conn->driver->forget_rows(party->conn, uuids, n);
}

static int look_at_all_in_engine(struct party *party, struct driver_looks *looks)
{
	const struct driver *driver = party->conn->driver;

	return driver->look_at_all ? driver->look_at_all(party->conn, looks) : 0;
}

static int are_prepared_in_engine(struct party *party, const char *const gids[], size_t n)
{
	const struct driver *driver = party->conn->driver;

	return driver->are_prepared ? driver->are_prepared(party->conn, gids, n) : 0;
}

static int end_all_in_engine(struct party *party, struct driver_ending endings[], size_t n)
{
	const struct driver *driver = party->conn->driver;

	return driver->end_all ? driver->end_all(party->conn, endings, n) : 0;
}

static const struct party_ops engine_ops = {
	.open = open_engine,
	.list = list_engine,
	.is_prepared = is_prepared_in_engine,
	.end = end_in_engine,
	.is_lost = is_engine_lost,
	.release = release_engine,
	.look = look_in_engine,
	.list_rows = list_rows_of_engine,
	.forget_rows = forget_rows_of_engine,
	.look_at_all = look_at_all_in_engine,
	.are_prepared = are_prepared_in_engine,
	.end_all = end_all_in_engine,
};

void party_of_engine(struct party *party, struct engine *engine)
{
	*party = (struct party){ .ops = &engine_ops, .engine = engine_ref(engine) };
	(void)snprintf(party->name, sizeof(party->name), "%s", engine_name(engine));
}

/* ---- any party --------------------------------------------------------- */

void party_fail(struct party *party)
{
	const struct sqla_error *error = sqla_error_last();

	party->is_reachable = false;
	(void)snprintf(party->reason, sizeof(party->reason), "%s", error->message);
	(void)snprintf(party->remedy, sizeof(party->remedy), "%s", error->hint);
}

static int checked(struct party *party, int status)
{
	if (status < 0 && party->ops->is_lost(party))
		party_fail(party);
	return status;
}

/* The text of a party that a step is asked of after it was lost. */
static int gone(const struct party *party)
{
	return error_set(SQLA_ECONNECT, party->name, party->remedy, "%s", party->reason);
}

void party_open(struct party *party)
{
	party->is_reachable = true;
	if (party->ops->open(party) < 0)
		party_fail(party);
}

int party_list(struct party *party, driver_prepared_fn *fn, void *arg)
{
	return checked(party, party->ops->list(party, fn, arg));
}

int party_is_prepared(struct party *party, const char *gid)
{
	if (!party->is_reachable)
		return gone(party);
	return checked(party, party->ops->is_prepared(party, gid));
}

int party_end(struct party *party, const char *gid, bool commit, const char *xid)
{
	if (!party->is_reachable)
		return gone(party);
	return checked(party, party->ops->end(party, gid, commit, xid));
}

enum driver_look_result party_look(struct party *party, struct driver_look *look)
{
	enum driver_look_result result = party->ops->look(party, look);

	if (result == LOOK_UNKNOWN && party->ops->is_lost(party)) {
		(void)error_set(SQLA_ECONNECT, party->name,
				"Make the database reachable; the next pass asks again.", "%s",
				look->evidence);
		party_fail(party);
	}
	return result;
}

int party_list_rows(struct party *party, driver_row_fn *fn, void *arg)
{
	return checked(party, party->ops->list_rows(party, fn, arg));
}

int party_forget_rows(struct party *party, const char *const uuids[], size_t n)
{
	return checked(party, party->ops->forget_rows(party, uuids, n));
}

void party_look_at_all(struct party *party, struct driver_looks *looks)
{
	if (party->is_reachable && party->ops->look_at_all)
		(void)checked(party, party->ops->look_at_all(party, looks));
}

int party_are_prepared(struct party *party, const char *const gids[], size_t n)
{
	if (!party->is_reachable)
		return gone(party);
	return party->ops->are_prepared ? checked(party, party->ops->are_prepared(party, gids, n)) :
					  0;
}

void party_end_all(struct party *party, struct driver_ending endings[], size_t n)
{
	if (party->is_reachable && party->ops->end_all)
		(void)checked(party, party->ops->end_all(party, endings, n));
}

void party_tidy(struct party *party)
{
	if (party->is_reachable && party->conn && party->conn->driver->tidy)
		party->conn->driver->tidy(party->conn);
}

bool party_is_primary(const struct party *party)
{
	return party->is_reachable && !party->identity.is_standby;
}

void party_release(struct party *party)
{
	party->ops->release(party);
}
