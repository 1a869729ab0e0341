/* hand.h - what the ways without the library have in common. */
#ifndef BENCH_HAND_H
#define BENCH_HAND_H

#include <inttypes.h>
#include <libpq-fe.h>
#include <sqlite3.h>

#include "way.h"

struct hand {
	const struct shape *shape;
	PGconn *servers[PLACES_POSTGRES_MAX];
	sqlite3 *file;
	sqlite3_stmt *begin, *update, *commit;
	int log; /* the decisions; each worker's own handle of one file */
	char row[24];
	int64_t row_number;
	int64_t number; /* of the transaction, for its gid */
	int worker;
};

/* Members of struct way. */
void *hand_open(const struct places *places, int worker);
void hand_undo(void *self);
void hand_settle(void *self, pthread_barrier_t *together);
void hand_close(void *self);

/* Frees RESULT. */
bool hand_is_well(PGresult *result);

/* The same for SQLite; hand_step leaves STMT ready for the next time. */
sqlite3_stmt *hand_prepare(sqlite3 *db, const char *sql);
bool hand_step(sqlite3_stmt *stmt);
bool hand_work_file(struct hand *h);

enum { HAND_SQL_SIZE = 128 };

/* VERB with the gid of the transaction's branch on SERVER. */
void hand_say(const struct hand *h, const char *verb, int server, char ret_sql[HAND_SQL_SIZE]);

#endif
