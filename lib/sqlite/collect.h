/*
 * The garbage collection: super-journals whose makers have died go when no
 * journal names them any more.
 */
#ifndef SQLITE_COLLECT_H
#define SQLITE_COLLECT_H

/*
 * Removes the super-journals beside DATABASE that nobody holds and no journal
 * names. Where one does, its database is opened, which rolls a hot journal
 * back, and a cold one is emptied; BUSY_MS: how long to wait for its lock.
 * What cannot be read, or is not there now, may name it: then it stays.
 */
void collect_supers(const char *database, int busy_ms);

#endif
