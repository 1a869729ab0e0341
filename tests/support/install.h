/*
 * The PostgreSQL that is installed here, and clusters of it that were made
 * once and are copied for every use: initdb takes a while, a copy a tenth.
 */
#ifndef SUPPORT_INSTALL_H
#define SUPPORT_INSTALL_H

#include <sys/types.h>

struct install;

/*
 * Returns a new description of the newest server found: in pg_config's
 * folder, else among the versions installed side by side. NULL, with a text
 * on stderr of what to install.
 */
struct install *install_find(void);
void install_free(struct install *install);

/* Path of one of its programs as new text. */
char *install_program(const struct install *install, const char *name);

/*
 * The server refuses to run as root. In a child that is about to be a server:
 * becomes its user, "postgres", where that is needed. 0 or -1.
 */
int install_become_user(void);

/* Makes a cluster at PATH, owned by that user, in a folder that exists.
 * CACHE is where those that are copied are kept; copies of one NUMBER have the
 * same system identifier. 0, or -1 with a text. */
int install_cluster(const struct install *install, const char *cache, int number, const char *path);

/* The same as a standby of the running server whose socket is in PRIMARY. */
int install_standby(const struct install *install, const char *primary, const char *path);

#endif
