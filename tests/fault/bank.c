#include "fault/bank.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <sqlassist/error.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/cluster.h"
#include "support/must.h"
#include "support/scratch.h"

enum { DATABASES_MAX = 4, ACCOUNTS = 8, CENTS_AT_FIRST = 1000000, WORDS_MAX = 16 };

struct database {
	char kind;
	char *url;    /* of PostgreSQL, or path of the file */
	char *engine; /* "a=postgresql:..." */
	PGconn *conn; /* NULL: SQLite, or not connected now */
};

/* A transfer, and in which databases it was found. */
struct entry {
	int64_t id;
	unsigned parts; /* where it has to be, by its own account */
	unsigned found; /* where it is */
};

struct bank {
	struct database databases[DATABASES_MAX];
	size_t n;
	char kinds[DATABASES_MAX + 1];
	struct entry *entries; /* sorted by id, one for each */
	size_t n_entries, room;
};

static const char accounts[] =
	"CREATE TABLE account (id bigint PRIMARY KEY, cents bigint NOT NULL);"
	"CREATE TABLE transfer (id bigint PRIMARY KEY, cents bigint NOT "
	"NULL, parts text NOT NULL);";

/* Votes no where a deferred constraint does: at PREPARE or at COMMIT. */
static const char vetoes[] =
	"CREATE TABLE veto (id bigint);"
	"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
	"$$ BEGIN RAISE 'veto' USING ERRCODE = 'integrity_constraint_violation'; END $$;"
	"CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON veto DEFERRABLE INITIALLY DEFERRED "
	"FOR EACH ROW EXECUTE FUNCTION refuse();";

static bool is_file(const struct database *db)
{
	return strchr("lmvw", db->kind);
}

/* ---- making it ----------------------------------------------------------- */

static void make_file(struct database *db, const char *name)
{
	char *file = must_printf("%s-%c.db", name, db->kind);

	db->url = scratch_path(file);
	db->engine = must_printf("%c=sqlite:///%s", db->kind, db->url);
	must_exec_file(db->url, "PRAGMA journal_mode = %s",
		       strchr("vw", db->kind) ? "wal" : "delete");
	must_exec_file(db->url, "%s", accounts);
	for (int i = 0; i < ACCOUNTS; i++)
		must_exec_file(db->url, "INSERT INTO account VALUES (%d, %d)", i, CENTS_AT_FIRST);
	free(file);
}

static void make_server_database(struct database *db, const char *name)
{
	const char cluster[] = { db->kind, '\0' };
	struct cluster *c = cluster_get(cluster);

	db->url = cluster_database(c, name);
	db->engine = must_printf("%c=%s", db->kind, db->url);
	db->conn = must_connect(db->url);
	must_exec(db->conn, "%s%s", accounts, vetoes);
	must_exec(db->conn, "INSERT INTO account SELECT i, %d FROM generate_series(0, %d) i",
		  CENTS_AT_FIRST, ACCOUNTS - 1);
	cluster_free(c);
}

struct bank *bank_new(const char *name, const char *kinds)
{
	struct bank *bank = calloc(1, sizeof(*bank));

	if (!bank || strlen(kinds) > DATABASES_MAX)
		must_fail("no bank");
	for (; *kinds; kinds++) {
		struct database *db = &bank->databases[bank->n];

		bank->kinds[bank->n++] = db->kind = *kinds;
		if (is_file(db))
			make_file(db, name);
		else
			make_server_database(db, name);
	}
	return bank;
}

void bank_free(struct bank *bank)
{
	if (!bank)
		return;
	for (size_t i = 0; i < bank->n; i++) {
		free(bank->databases[i].url);
		free(bank->databases[i].engine);
		PQfinish(bank->databases[i].conn);
	}
	free(bank->entries);
	free(bank);
}

const char *bank_database(const struct bank *bank, size_t nth)
{
	return bank->databases[nth].url;
}

const char *bank_kinds(const struct bank *bank)
{
	return bank->kinds;
}

/* ---- using it ------------------------------------------------------------ */

struct child *bank_start(const struct bank *bank, const char *fault, const char *passed,
			 const char *option, const char *tail, ...)
{
	const char *args[2 * DATABASES_MAX + WORDS_MAX + 2] = { NULL };
	size_t n = 0;
	struct child *c;
	va_list list;
	char *words, *rest;

	for (size_t i = 0; i < bank->n; i++) {
		args[n++] = "-e";
		args[n++] = bank->databases[i].engine;
	}
	if (option)
		args[n++] = option;
	va_start(list, tail);
	if (vasprintf(&words, tail, list) < 0)
		must_fail("out of memory");
	va_end(list);
	rest = words;
	for (size_t i = 0; rest && i < WORDS_MAX; i++)
		args[n++] = strsep(&rest, " ");
	c = child_start(args, fault, passed);
	free(words);
	return c;
}

/* Our connection; a new one if the server was restarted meanwhile. */
static PGconn *conn_of(struct database *db)
{
	PGresult *result;

	if (db->conn) {
		result = PQexec(db->conn, "SELECT 1");
		if (PQresultStatus(result) != PGRES_TUPLES_OK) {
			PQfinish(db->conn);
			db->conn = NULL;
		}
		PQclear(result);
	}
	if (!db->conn)
		db->conn = must_connect(db->url);
	return db->conn;
}

void bank_wait_quiet(struct bank *bank)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	static const char others[] = "SELECT count(*) FROM pg_stat_activity WHERE datname = "
				     "current_database() AND pid <> pg_backend_pid()";

	for (size_t i = 0; i < bank->n; i++) {
		struct database *db = &bank->databases[i];
		int tries = 0;

		if (is_file(db))
			continue;
		while (must_query_int(conn_of(db), others) > 0) {
			if (++tries > 10000)
				must_fail("a server still works for a client that is dead");
			(void)nanosleep(&pause, NULL);
		}
	}
}

int64_t bank_in_doubt(struct bank *bank)
{
	int64_t n = 0;

	for (size_t i = 0; i < bank->n; i++)
		if (!is_file(&bank->databases[i]))
			n += must_query_int(conn_of(&bank->databases[i]),
					    "SELECT count(*) FROM pg_prepared_xacts WHERE "
					    "database = current_database()");
	return n;
}

/* ---- reading the ledgers ------------------------------------------------- */

static unsigned parts_of(const struct bank *bank, const char *letters)
{
	unsigned parts = 0;

	for (size_t i = 0; i < bank->n; i++)
		if (strchr(letters, bank->kinds[i]))
			parts |= 1U << i;
	return parts;
}

static void add_entry(struct bank *bank, int64_t id, const char *letters, size_t nth)
{
	if (bank->n_entries == bank->room) {
		bank->room = bank->room ? 2 * bank->room : 256;
		bank->entries = reallocarray(bank->entries, bank->room, sizeof(struct entry));
		if (!bank->entries)
			must_fail("out of memory");
	}
	bank->entries[bank->n_entries++] =
		(struct entry){ .id = id, .parts = parts_of(bank, letters), .found = 1U << nth };
}

static const char all_transfers[] = "SELECT id, parts FROM transfer";

static void read_server(struct bank *bank, size_t nth)
{
	PGconn *conn = conn_of(&bank->databases[nth]);
	PGresult *result = PQexec(conn, all_transfers);

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		must_fail("%s", PQerrorMessage(conn));
	for (int i = 0; i < PQntuples(result); i++)
		add_entry(bank, strtoll(PQgetvalue(result, i, 0), NULL, 10),
			  PQgetvalue(result, i, 1), nth);
	PQclear(result);
}

static void read_file(struct bank *bank, size_t nth)
{
	sqlite3_stmt *stmt;
	sqlite3 *db;

	if (sqlite3_open(bank->databases[nth].url, &db) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, 10000) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, all_transfers, -1, &stmt, NULL) != SQLITE_OK)
		must_fail("%s", sqlite3_errmsg(db));
	while (sqlite3_step(stmt) == SQLITE_ROW)
		add_entry(bank, sqlite3_column_int64(stmt, 0),
			  (const char *)sqlite3_column_text(stmt, 1), nth);
	if (sqlite3_finalize(stmt) != SQLITE_OK)
		must_fail("%s", sqlite3_errmsg(db));
	(void)sqlite3_close(db);
}

static int by_id(const void *a, const void *b)
{
	int64_t left = ((const struct entry *)a)->id, right = ((const struct entry *)b)->id;

	return (left > right) - (left < right);
}

/* One entry for each id, with all places where it was found. */
static void fold(struct bank *bank)
{
	size_t n = 0;

	for (size_t i = 0; i < bank->n_entries; i++) {
		if (n > 0 && bank->entries[n - 1].id == bank->entries[i].id) {
			bank->entries[n - 1].found |= bank->entries[i].found;
			/* Two accounts of one transfer: it cannot be whole. */
			if (bank->entries[n - 1].parts != bank->entries[i].parts)
				bank->entries[n - 1].parts = 0;
		} else {
			bank->entries[n++] = bank->entries[i];
		}
	}
	bank->n_entries = n;
}

static void read_all(struct bank *bank)
{
	bank->n_entries = 0;
	for (size_t i = 0; i < bank->n; i++) {
		if (is_file(&bank->databases[i]))
			read_file(bank, i);
		else
			read_server(bank, i);
	}
	if (bank->n_entries > 0)
		qsort(bank->entries, bank->n_entries, sizeof(struct entry), by_id);
	fold(bank);
}

static const struct entry *find(const struct bank *bank, int64_t id)
{
	const struct entry key = { .id = id };

	if (bank->n_entries == 0)
		return NULL;
	return bsearch(&key, bank->entries, bank->n_entries, sizeof(struct entry), by_id);
}

int bank_has(struct bank *bank, int64_t id)
{
	const struct entry *entry;

	read_all(bank);
	entry = find(bank, id);
	if (!entry)
		return 0;
	return entry->found == entry->parts ? 1 : -1;
}

size_t bank_transfers(struct bank *bank)
{
	read_all(bank);
	return bank->n_entries;
}

/* ---- the checker --------------------------------------------------------- */

static int64_t number(struct database *db, const char *sql)
{
	return is_file(db) ? must_query_int_file(db->url, "%s", sql) :
			     must_query_int(conn_of(db), "%s", sql);
}

static char *wrong_sum(struct bank *bank)
{
	const int64_t at_first = (int64_t)ACCOUNTS * CENTS_AT_FIRST;
	int64_t total = 0;

	for (size_t i = 0; i < bank->n; i++) {
		struct database *db = &bank->databases[i];
		int64_t cents = number(db, "SELECT sum(cents) FROM account");
		int64_t moved = number(db, "SELECT coalesce(sum(cents), 0) FROM transfer");

		if (cents != at_first + moved)
			return must_printf("database %c: accounts hold %" PRId64
					   ", transfers explain %" PRId64,
					   db->kind, cents, at_first + moved);
		total += cents;
	}
	if (total != at_first * (int64_t)bank->n)
		return must_printf("there were %" PRId64 " cents, there are %" PRId64,
				   at_first * (int64_t)bank->n, total);
	return NULL;
}

static char *half_transfer(const struct bank *bank)
{
	for (size_t i = 0; i < bank->n_entries; i++)
		if (bank->entries[i].found != bank->entries[i].parts)
			return must_printf("transfer %" PRId64 " is in databases %#x of %#x",
					   bank->entries[i].id, bank->entries[i].found,
					   bank->entries[i].parts);
	return NULL;
}

static char *damaged_file(const struct bank *bank)
{
	static const char ask[] = "SELECT count(*) FROM pragma_integrity_check"
				  " WHERE integrity_check = 'ok'";

	for (size_t i = 0; i < bank->n; i++)
		if (is_file(&bank->databases[i]) &&
		    must_query_int_file(bank->databases[i].url, ask) != 1)
			return must_printf("file %c is not whole", bank->databases[i].kind);
	return NULL;
}

/* Only "in doubt" may turn out either way, and nobody ends branches by hand. */
static char *broken_word(const struct bank *bank, const struct told told[], size_t n_told)
{
	for (size_t i = 0; i < n_told; i++) {
		const struct entry *entry = find(bank, told[i].id);

		if (told[i].status == SQLA_EMIXED)
			return must_printf("transfer %" PRId64 " is told to be mixed", told[i].id);
		if (told[i].status >= 0 && !entry)
			return must_printf("transfer %" PRId64 " was told to be committed "
					   "(%d) and is not there",
					   told[i].id, told[i].status);
		if (told[i].status < 0 && told[i].status != SQLA_EINDOUBT && entry)
			return must_printf("transfer %" PRId64 " was told to be aborted (%d) "
					   "and is there",
					   told[i].id, told[i].status);
	}
	return NULL;
}

char *bank_violation(struct bank *bank, const struct told told[], size_t n_told)
{
	int64_t doubts = bank_in_doubt(bank);
	char *text;

	if (doubts > 0)
		return must_printf("%" PRId64 " branches are in doubt", doubts);
	read_all(bank);
	text = damaged_file(bank);
	if (!text)
		text = half_transfer(bank);
	if (!text)
		text = wrong_sum(bank);
	if (!text)
		text = broken_word(bank, told, n_told);
	return text;
}
