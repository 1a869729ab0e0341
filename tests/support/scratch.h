/* A folder for the files of one test process. */
#ifndef SUPPORT_SCRATCH_H
#define SUPPORT_SCRATCH_H

/* This process's folder, made on first use and removed when it exits; a
 * forked child has one of its own. Aborts the test when it cannot be made. */
const char *scratch_dir(void);

/* Returns new text: NAME in that folder. Nothing is created. */
char *scratch_path(const char *name);

/* Returns new text: a URL of a SQLite file NAME in that folder. */
char *scratch_sqlite_url(const char *name);

#endif
