/*
 * Each driver examines its own engines; what no engine can tell by itself is
 * looked at here: databases that are copies of each other, and engines that
 * cannot take part in one transaction.
 */
#include <sqlassist/recover.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "recovery/parties.h"

struct doctor {
	sqla_finding_fn *fn;
	void *arg;
	int worst;
};

static void find(struct doctor *doctor, const struct sqla_finding *finding)
{
	if ((int)finding->severity > doctor->worst)
		doctor->worst = (int)finding->severity;
	if (doctor->fn)
		doctor->fn(finding, doctor->arg);
}

static void ignore(const struct sqla_finding *finding, void *arg)
{
	(void)finding;
	(void)arg;
}

static int examine(struct engine *engine, void *arg)
{
	struct doctor *doctor = arg;
	struct engine_config *config = engine_config(engine);
	sqla_finding_fn *fn = doctor->fn ? doctor->fn : ignore;
	int status = config->driver->doctor(config, fn, doctor->arg);

	if (status > doctor->worst)
		doctor->worst = status;
	return status < 0 ? status : 0;
}

/* ---- between engines --------------------------------------------------- */

__attribute__((format(printf, 6, 7))) static void find_pair(
	struct doctor *doctor, const struct party *party, const char *check,
	enum sqla_severity severity, const char *remedy, const char *format, ...)
{
	struct sqla_finding finding = {
		.engine = party->name,
		.check = check,
		.severity = severity,
		.remedy = remedy,
	};
	char *message = NULL;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&message, format, args);
	va_end(args);
	finding.message = length < 0 ? check : message;
	find(doctor, &finding);
	if (length >= 0)
		free(message);
}

static bool is_copy(const struct party *one, const struct party *other)
{
	return one->has_double && other->has_double && one->site[0] &&
	       strcmp(one->site, other->site) == 0 &&
	       !identity_is_same(&one->identity, &other->identity);
}

/* Whether a transaction could change ENGINE and not be able to prepare it. */
static bool must_decide(const struct party *party)
{
	struct driver_conn *conn = party->conn;

	return conn && !party->is_covered &&
	       engine_config(party->engine)->options.readonly != SQLA_YES &&
	       !(conn->driver->abilities(conn) & TXN_PREPARES);
}

/* Whether they are of one kind, and can be members of a group. */
static bool both_follow(const struct party *one, const struct party *other)
{
	const struct driver *driver = one->conn->driver;

	return driver == other->conn->driver && driver->apart &&
	       (driver->abilities(one->conn) & TXN_FOLLOWS) &&
	       (driver->abilities(other->conn) & TXN_FOLLOWS);
}

static void find_group(struct doctor *doctor, const struct party *one, const struct party *other)
{
	const char *remedy = "";
	const char *why = one->conn->driver->apart(one->conn, other->conn, &remedy);

	if (why)
		find_pair(doctor, one, "pair", SQLA_FINDING_WARNING, remedy,
			  "\"%s\" and \"%s\": %s", one->name, other->name, why);
	else
		find_pair(doctor, one, "pair", SQLA_FINDING_OK, "",
			  "\"%s\" and \"%s\" commit together, as a group", one->name, other->name);
}

static void compare(struct doctor *doctor, const struct party *one, const struct party *other)
{
	if (is_copy(one, other))
		find_pair(doctor, one, "copy", SQLA_FINDING_ERROR,
			  "Take the copy out of the configuration; see sqlassist-commit(7).",
			  "\"%s\" and \"%s\" are two databases with one site, %s: one is a copy, "
			  "and what either decided stays in doubt",
			  one->name, other->name, one->site);
	else if (identity_is_same(&one->identity, &other->identity))
		find_pair(doctor, one, "names", SQLA_FINDING_OK, "",
			  "\"%s\" and \"%s\" are one database", one->name, other->name);
	if (!must_decide(one) || !must_decide(other))
		return;
	if (both_follow(one, other))
		find_group(doctor, one, other);
	else
		find_pair(doctor, one, "pair", SQLA_FINDING_WARNING,
			  "Change only one of them in a transaction, or make one of them able to "
			  "prepare (PostgreSQL: max_prepared_transactions).",
			  "neither \"%s\" nor \"%s\" can prepare: a transaction that changes both "
			  "is refused (SQLA_EUNSAFE)",
			  one->name, other->name);
}

static int compare_all(struct doctor *doctor)
{
	struct parties all = { 0 };
	int status = parties_open(&all, NULL, NULL);

	if (status < 0)
		goto out;
	for (size_t i = 0; i < all.n; i++)
		for (size_t j = i + 1; j < all.n; j++)
			if (party_is_primary(&all.items[i]) && party_is_primary(&all.items[j]))
				compare(doctor, &all.items[i], &all.items[j]);
out:
	parties_release(&all);
	return status;
}

/* ---- public ------------------------------------------------------------ */

int sqla_doctor(const char *name, sqla_finding_fn *fn, void *arg)
{
	struct doctor doctor = { .fn = fn, .arg = arg };
	struct engine *engine;
	int status;

	if (name) {
		status = engine_get(name, &engine);
		if (status < 0)
			return status;
		status = examine(engine, &doctor);
		engine_unref(engine);
	} else {
		status = engine_each(examine, &doctor);
		if (status == 0)
			status = compare_all(&doctor);
	}
	return status < 0 ? status : doctor.worst;
}

char *sqla_doctor_sql(const char *name)
{
	struct engine_config *config;
	struct engine *engine;
	char *sql;

	if (engine_get(name, &engine) < 0)
		return NULL;
	config = engine_config(engine);
	sql = config->driver->doctor_sql(config);
	engine_unref(engine);
	return sql;
}

static int purge(struct engine *engine)
{
	struct engine_config *config = engine_config(engine);
	struct driver_conn *conn = NULL;
	int status;

	status = config->driver->open(config, DRIVER_RECOVERY, &conn);
	if (status < 0)
		return status;
	status = config->driver->purge_tombstones(conn);
	config->driver->close(conn);
	return status;
}

int sqla_doctor_purge_tombstones(const char *name)
{
	struct engine *engine;
	int status = engine_get(name, &engine);

	if (status < 0)
		return status;
	status = purge(engine);
	engine_unref(engine);
	return status;
}
