/*
 * recoverer.h - the registry of recoverers from outside (recover.h), which
 * take part in every pass as parties. A pass holds a use of each, and
 * unregistering waits for it.
 */
#ifndef RECOVERY_RECOVERER_H
#define RECOVERY_RECOVERER_H

#include <stddef.h>

#include "recovery/party.h"

/* How many there are now. */
size_t recoverer_count(void);

/* Makes parties of at most N recoverers; each holds a use. Returns how many. */
size_t recoverer_parties(struct party *parties, size_t n);

#endif
