/*
 * puppet.h - parties of a recovery pass that are nobody, and answer what they were
 * told to: for what a pass concludes from who says what.
 */
#ifndef RECOVERY_PUPPET_H
#define RECOVERY_PUPPET_H

#include "recovery/parties.h"

enum { PUPPETS = 3, PUPPET_ROWS = 70 };

/* Puppet 0 is called "a" and is at "site-a", and so on. */
struct puppet {
	const char *prepared[4]; /* gids, up to a NULL */
	struct driver_row rows[PUPPET_ROWS];
	size_t n_rows;
	enum driver_look_result look;
	int list_status, rows_status, forget_status;
	unsigned fails_at; /* the allocation of whoever it lists to; 0: none */
	bool is_lost;	   /* when a step fails */
	unsigned listed;   /* how often */
	int forgotten;	   /* how many rows */
};

extern struct puppet puppets[PUPPETS];

/* All of them, reachable, primaries, and with nothing to say. */
struct parties puppets_init(void);

/* Names of branches: of transaction UUID, the NUMBERth, decided at "site-a". New text. */
char *puppet_gid(const char *uuid, unsigned number);

#endif
