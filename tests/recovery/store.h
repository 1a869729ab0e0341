/*
 * store.h - a resource manager in memory, for tests: it prepares, can be told
 * to lose the connection before a branch is ended, and can be recovered.
 */
#ifndef RECOVERY_STORE_H
#define RECOVERY_STORE_H

#include <stdbool.h>

#include <sqlassist/txn.h>

struct store;

/* A new, empty store; free it. SITE is borrowed. */
struct store *store_new(const char *site);
void store_free(struct store *store);

/* Joins the current transaction. */
void store_join(struct store *store);

/* It votes no. */
void store_refuse(struct store *store);

/* From now on the coordinator cannot end what is prepared; recovery can. */
void store_disconnect(struct store *store);

/* Nobody can, not even ask: every call fails. */
void store_break(struct store *store, bool is_broken);

/* How old its branches say they are; 100 s. */
void store_set_age(struct store *store, int age_s);

/* A gid that was not made by a transaction here. */
void store_add(struct store *store, const char *gid);

/* Takes part in recovery as NAME. */
void store_register(struct store *store, const char *name);

int store_prepared(const struct store *store);
int store_committed(const struct store *store);
int store_rolled_back(const struct store *store);

/* The gid of its latest branch, ended or not. */
const char *store_gid(const struct store *store);

#endif
