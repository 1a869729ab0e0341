/* sqlassist doctor --tables: a database against a declaration in a file. */
#ifndef CLI_TABLES_H
#define CLI_TABLES_H

#include <stdbool.h>

#include <sqlassist.h>

/* Reads what sqla_metadata_json wrote to PATH. EXIT_GO_ON, or an exit status
 * after a complaint. */
int tables_read(const char *path, struct sqla_metadata **ret_metadata);

/* Tells FN of every difference of ENGINE as a finding "tables", and one if
 * there is none. Returns the worst severity. */
int tables_compare(const struct sqla_metadata *metadata, const char *engine, sqla_finding_fn *fn,
		   void *arg);

#endif
