/*
 * What the liar says. A byte of the input stands for each answer: its lower half
 * is one of these, its upper half says which of them.
 *
 *   0 the truth		8 the rest of the input, as it is; and it hangs up
 *   1 an error			9 it hangs up
 *   2 an error that ends it	10 the truth, and it hangs up
 *   3 another tag		11 COPY
 *   4 no rows			12 the truth, twice
 *   5 other columns		13 a setting, a notification, and the truth
 *   6 a warning, the truth	14 more rows
 *   7 another state		15 other values, one piece each; a byte 255: NULL
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/liar-wire.h"
#include "support/must.h"

enum { COLUMNS_MAX = 20 };

static const char *const states[16] = {
	"08006", "57P01", "40001", "53300", "25P02", "42704", "55000", "23505",
	"26000", "XX000", "0A000", "55P03", "57014", "42P01", "53200", "",
};
static const char *const tags[16] = {
	"COMMIT",
	"ROLLBACK",
	"BEGIN",
	"INSERT 0 1",
	"INSERT 0 0",
	"UPDATE 0",
	"COMMIT PREPARED",
	"DELETE 9",
	"SELECT 1",
	"",
	"ROLLBACK PREPARED",
	"SET",
	"PREPARE TRANSACTION",
	"DISCARD ALL",
	"DO",
	"INSERT 0 99999999999999999999",
};

/* An answer: a tag, and perhaps one row. */
struct answer {
	const char *tag;
	const char *names[COLUMNS_MAX];
	const char *values[COLUMNS_MAX];
	unsigned n; /* columns; 0: no rows at all */
	bool is_empty;
	char status; /* of the transaction from here on */
};

static bool begins(const char *sql, const char *with)
{
	return strncmp(sql, with, strlen(with)) == 0;
}

static void add(struct answer *answer, const char *name, const char *value)
{
	answer->names[answer->n] = name;
	answer->values[answer->n++] = value;
}

/* ---- the truth -------------------------------------------------------------- */

#define SITE_A "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
#define SITE_B "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"

static void tell_facts(const struct liar_conn *conn, struct answer *answer)
{
	static const char *const pids[] = { "100", "101", "102", "103", "104", "105",
					    "106", "107", "108", "109", "110", "111" };

	add(answer, "backend_pid", conn->number < 12 ? pids[conn->number] : "0");
	add(answer, "version", "150004");
	add(answer, "database_oid", "5");
	add(answer, "is_standby", "f");
	add(answer, "max_prepared", "64");
	add(answer, "is_fsync", "t");
	add(answer, "started", "1.5");
	add(answer, "auxiliary", "1 2 3");
	add(answer, "may_identify", "t");
	add(answer, "has_schema", "t");
	add(answer, "table_oid", "16400");
	add(answer, "table_fault", "");
	add(answer, "may_read", "t");
	add(answer, "may_insert", "t");
	add(answer, "may_update", "t");
	add(answer, "may_delete", "t");
}

static void tell_identity(const struct liar_conn *conn, struct answer *answer)
{
	bool is_b = conn->database == 'b';

	add(answer, "system_identifier", is_b ? "8" : "7");
	add(answer, "site", is_b ? SITE_B : SITE_A);
	add(answer, "site_home", is_b ? "8.5" : "7.5");
	add(answer, "started", "1.5");
	add(answer, "who", is_b ? "8.5" : "7.5");
}

static void tell_prepared(const struct liar_database *database, struct answer *answer)
{
	const char *gid = *database->gid ? database->gid : NULL;

	add(answer, "pg_is_in_recovery", "f");
	add(answer, "gid", gid);
	add(answer, "owner", gid ? "u" : NULL);
	add(answer, "database", gid ? "a" : NULL);
	add(answer, "xid", gid ? "777" : NULL);
	add(answer, "age", gid ? "9" : NULL);
	add(answer, "blocked", gid ? "0" : NULL);
	add(answer, "is_endable", gid ? "t" : NULL);
}

/* And when that was, and what the table is known by: whoever claims again compares it. */
static void tell_check(struct answer *answer)
{
	add(answer, "fault", "");
	add(answer, "isolation", "read committed");
	add(answer, "time", "2026-01-01 00:00:00.000000+00");
	for (int i = 0; i < 3; i++)
		add(answer, "place", "(0,1)");
}

/* Of the transaction; PREPARE asks for a setting with it. */
static void tell_number(const char *sql, struct answer *answer)
{
	add(answer, "number", "777");
	if (begins(sql, "SELECT pg_catalog.pg_current_xact_id(),"))
		add(answer, "setting", NULL);
}

static void tell_query(const struct liar_conn *conn, const struct liar_database *database,
		       const char *sql, struct answer *answer)
{
	answer->tag = "SELECT 1";
	if (begins(sql, "SELECT pg_catalog.pg_backend_pid() AS"))
		tell_facts(conn, answer);
	else if (begins(sql, "SELECT (SELECT system_identifier"))
		tell_identity(conn, answer);
	else if (begins(sql, "WITH ours"))
		tell_prepared(database, answer);
	else if (begins(sql, "SELECT CASE WHEN pg_catalog.pg_is_in_recovery()"))
		add(answer, "case", *database->gid ? "yes" : "no");
	else if (strstr(sql, "pg_xact_status"))
		add(answer, "status", database->has_decision ? "committed" : "aborted");
	else if (begins(sql, "SELECT CASE WHEN c.relkind"))
		tell_check(answer);
	else if (begins(sql, "SELECT verdict"))
		add(answer, "verdict", "committed");
	else if (begins(sql, "SELECT txn, verdict"))
		for (unsigned i = 0; i < 4; i++)
			add(answer, "column", "0");
	else
		tell_number(sql, answer);
	answer->is_empty = (begins(sql, "SELECT verdict") && !database->has_decision) ||
			   begins(sql, "SELECT txn, verdict");
}

/* What is between the first two quotes. */
static void note_gid(struct liar_database *database, const char *sql)
{
	const char *quote = strchr(sql, '\'');

	(void)snprintf(database->gid, sizeof(database->gid), "%.*s",
		       quote ? (int)strcspn(quote + 1, "'") : 0, quote ? quote + 1 : "");
}

static void tell_end(struct liar_conn *conn, struct liar_database *database, const char *sql,
		     struct answer *answer)
{
	bool has_failed = conn->status == 'E';

	answer->status = 'I';
	answer->tag = begins(sql, "COMMIT") && !has_failed ? "COMMIT" : "ROLLBACK";
	if (begins(sql, "PREPARE TRANSACTION") && !has_failed) {
		answer->tag = "PREPARE TRANSACTION";
		note_gid(database, sql);
	}
	if (begins(sql, "COMMIT") && !has_failed && conn->has_claim)
		database->has_decision = true;
	conn->has_claim = false;
}

static void tell_end_prepared(struct liar_database *database, const char *sql,
			      struct answer *answer)
{
	answer->tag = begins(sql, "COMMIT") ? "COMMIT PREPARED" : "ROLLBACK PREPARED";
	database->has_decision = database->has_decision || begins(sql, "COMMIT");
	database->gid[0] = '\0';
}

static void tell_insert(struct liar_conn *conn, const char *sql, struct answer *answer)
{
	answer->tag = "INSERT 0 1";
	if (!strstr(sql, "RETURNING"))
		return;
	conn->has_claim = true;
	add(answer, "set_config", "(0,1)");
	add(answer, "case", NULL);
}

static void tell(struct liar_conn *conn, struct liar_database *database, const char *sql,
		 struct answer *answer)
{
	*answer = (struct answer){ .tag = "SET", .status = conn->status };
	if (strstr(sql, " PREPARED '")) {
		tell_end_prepared(database, sql, answer);
	} else if (begins(sql, "COMMIT") || begins(sql, "PREPARE") ||
		   strcmp(sql, "ROLLBACK") == 0) {
		tell_end(conn, database, sql, answer);
	} else if (begins(sql, "BEGIN")) {
		answer->tag = "BEGIN";
		answer->status = 'T';
	} else if (begins(sql, "INSERT")) {
		tell_insert(conn, sql, answer);
	} else if (begins(sql, "UPDATE")) {
		answer->tag = "UPDATE 1";
	} else if (begins(sql, "SELECT") || begins(sql, "WITH")) {
		tell_query(conn, database, sql, answer);
	}
}

/* ---- what is noted ------------------------------------------------------------- */

static void note(struct liar_database *database, const char *sql, const struct answer *answer)
{
	if (strncmp(answer->tag, "COMMIT", 6) == 0)
		database->claims.has_committed = true;
	for (unsigned i = 0; i < answer->n && !answer->is_empty; i++)
		if (answer->values[i] && strcmp(answer->values[i], "committed") == 0)
			database->claims.has_committed = true;
	if (strstr(sql, "pg_current_xact_id") && answer->n > 0 && answer->values[0] &&
	    *answer->values[0])
		database->claims.has_changed = true;
}

/* ---- saying it ------------------------------------------------------------------- */

static void say(struct liar_conn *conn, const struct answer *answer, unsigned rows)
{
	if (answer->n > 0)
		wire_put_columns(conn, answer->names, answer->n);
	else
		wire_put(conn, 'n', NULL, 0);
	for (unsigned i = 0; i < rows && answer->n > 0 && !answer->is_empty; i++)
		wire_put_row(conn, answer->values, answer->n);
	wire_put_text(conn, 'C', answer->tag);
}

static void say_error(struct liar_conn *conn, const char *severity, const char *state)
{
	wire_put_report(conn, 'E', severity, state);
	conn->is_skipping = true;
	if (conn->status == 'T')
		conn->status = 'E';
}

static void say_copy(struct liar_conn *conn, unsigned which)
{
	wire_put(conn, "GHW"[which % 3], "\0\0\0", 3);
}

static void say_aside(struct liar_conn *conn, unsigned which)
{
	static const char encoding[] = "client_encoding\0SJIS";
	static const char strings[] = "standard_conforming_strings\0off";
	static const char notification[] = "\0\0\0\1channel\0payload";

	if (which % 3 == 0)
		wire_put(conn, 'S', encoding, sizeof(encoding));
	else if (which % 3 == 1)
		wire_put(conn, 'S', strings, sizeof(strings));
	else
		wire_put(conn, 'A', notification, sizeof(notification));
}

/* The texts of an answer that were made for it. */
struct made {
	char *texts[COLUMNS_MAX];
};

static void remake(struct liar_conn *conn, struct answer *answer, struct made *made)
{
	for (unsigned i = 0; i < answer->n; i++) {
		if (conn->lies.left > 0 && *conn->lies.at == 0xff) {
			(void)fuzz_byte(&conn->lies);
			answer->values[i] = NULL;
			continue;
		}
		made->texts[i] = fuzz_piece(&conn->lies, NULL);
		answer->values[i] = made->texts[i];
	}
	answer->is_empty = false;
}

static void lie(struct liar_conn *conn, struct answer *answer, struct made *made, uint8_t how)
{
	unsigned which = how >> 4;

	switch (how & 15) {
	case 3:
		answer->tag = tags[which];
		break;
	case 4:
		answer->is_empty = true;
		break;
	case 5:
		answer->n = which;
		for (unsigned i = 0; i < which; i++)
			answer->names[i] = "column";
		remake(conn, answer, made);
		break;
	case 6:
		wire_put_report(conn, 'N', "WARNING", states[which]);
		break;
	case 7:
		answer->status = "ITE?"[which % 4];
		break;
	case 13:
		say_aside(conn, which);
		break;
	case 15:
		remake(conn, answer, made);
		break;
	default:
		break;
	}
}

/* What is no answer at all; false: it is one. */
static bool refuse(struct liar_conn *conn, uint8_t how)
{
	switch (how & 15) {
	case 1:
		say_error(conn, "ERROR", states[how >> 4]);
		return true;
	case 2:
		say_error(conn, "FATAL", states[how >> 4]);
		conn->is_closing = true;
		return true;
	case 8:
		wire_put_raw(conn, conn->lies.at, conn->lies.left);
		conn->is_closing = true;
		return true;
	case 9:
		conn->is_closing = true;
		return true;
	case 11:
		say_copy(conn, how >> 4);
		return true;
	default:
		return false;
	}
}

/* Of bytes that may say anything it cannot be told what they say. */
static void note_bytes(struct liar_database *database, uint8_t how)
{
	if ((how & 15) != 8)
		return;
	database->claims.has_committed = true;
	database->claims.has_changed = true;
}

void liar_answer(struct liar_conn *conn, const char *sql)
{
	struct liar_database *database = liar_lock(conn);
	uint8_t how = fuzz_byte(&conn->lies);
	struct made made = { .texts = { NULL } };
	struct answer answer;

	note_bytes(database, how);
	if (!refuse(conn, how)) {
		tell(conn, database, sql, &answer);
		lie(conn, &answer, &made, how);
		note(database, sql, &answer);
		conn->status = answer.status;
		say(conn, &answer, (how & 15) == 14 ? 1 + (how >> 4) : 1);
		if ((how & 15) == 12)
			say(conn, &answer, 1);
		conn->is_closing = (how & 15) == 10;
	}
	liar_unlock();
	for (unsigned i = 0; i < COLUMNS_MAX; i++)
		free(made.texts[i]);
}
