/*
 * rows.h - cleaning decision rows that nobody has forgotten, because their
 * coordinator died first (I5).
 */
#ifndef RECOVERY_ROWS_H
#define RECOVERY_ROWS_H

#include <sqlassist/recover.h>

#include "recovery/parties.h"

/* Those that OPTIONS want. Returns how many it has cleaned. What fails is
 * logged and stays. */
int rows_forget(struct parties *all, const struct sqla_recover_options *options);

#endif
