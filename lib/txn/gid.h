/*
 * The names of prepared branches, and the list of them that a decision row
 * carries. The one module that makes and takes apart either; parsing is
 * strict, since whatever it accepts may be ended.
 *
 *   gid       sqla1.UUID.NUMBER.SITE.NAME	at most TXN_GID_MAX bytes
 *   branches  SITE=GID,SITE=GID		SITE: where the branch is
 *
 * txn_gid_format and txn_gid_parse are in resource.h.
 */
#ifndef TXN_GID_H
#define TXN_GID_H

#include <stdbool.h>

#include <sqlassist/resource.h>

/* txn_gid_format of a UUID and a SITE that are known to be such, and NAME for people:
 * misuse, if NUMBER is too large. */
int gid_make(char ret_gid[TXN_GID_MAX + 1], const char *uuid, unsigned number, const char *site,
	     const char *name);

/* Whether TEXT is 1 to TXN_SITE_MAX bytes of [A-Za-z0-9_-]. */
bool gid_is_site(const char *text);

/* Whether TEXT is 1 to TXN_GID_MAX bytes of [A-Za-z0-9._-], as every gid is: it can stand in
 * SQL as it is. */
bool gid_is_plain(const char *text);

/* Whether TEXT is a uuid as libuuid writes it, in lower case. */
bool gid_is_uuid(const char *text);

/* A new one: the time, to a millisecond, and for the rest by chance. */
void gid_new_uuid(char ret_uuid[37]);

/* One entry of a branch list. */
struct gid_branch {
	char site[TXN_SITE_MAX + 1];
	char gid[TXN_GID_MAX + 1];
};

/*
 * Takes the next entry off *LIST: 1, 0 at the end, or SQLA_EMISUSE if the
 * list is malformed (then nothing in it may be believed).
 */
int gid_next_branch(const char **list, struct gid_branch *ret_branch);

/* New text: LIST (may be NULL, freed) with one entry more; NULL: no memory. */
char *gid_add_branch(char *list, const char *site, const char *gid);

#endif
