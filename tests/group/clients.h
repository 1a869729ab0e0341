/*
 * clients.h - stock SQLite in processes of their own, connected to the three
 * files before a commit is cut off, and still there afterwards.
 */
#ifndef TESTS_GROUP_CLIENTS_H
#define TESTS_GROUP_CLIENTS_H

struct clients;

/* A reader, and a writer that writes rows to each file alone, without a pause. */
struct clients *clients_start(void);

/* What the reader sees through its old connections: how many transfers all three
 * files have, or -1 if they differ. */
int clients_read(struct clients *clients);

void clients_stop(struct clients *clients);

#endif
