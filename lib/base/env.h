/* What the library itself reads from the environment (sqlassist(3),
 * ENVIRONMENT); ${NAME} in ini files is engine/ini.c's. */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <stdbool.h>

/* SQLASSIST_DISABLE_TRANSACTION=1, read once at first use. */
bool env_transaction_disabled(void);

#endif
