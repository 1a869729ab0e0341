/*
 * What stands in pg_prepared_xacts and in a decision row: a gid, and a list of
 * branches. Whatever is accepted is what would have been written, byte by byte,
 * and cannot end the literal that it is put into.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "support/must.h"
#include "txn/gid.h"

const char fuzz_name[] = "gid";

static void try_gid(const char *text)
{
	char again[TXN_GID_MAX + 1];
	struct txn_gid parts;

	if (txn_gid_parse(text, &parts) < 0)
		return;
	fuzz_must(strlen(text) <= TXN_GID_MAX);
	fuzz_must(gid_is_uuid(parts.uuid) && gid_is_site(parts.site));
	fuzz_must(!strpbrk(text, "'\\\"; \t\n$"));
	fuzz_must(txn_gid_format(again, parts.uuid, parts.number, parts.site, parts.name) == 0);
	fuzz_must(strcmp(again, text) == 0);
	fuzz_must(gid_is_plain(text));
}

/* A list that is read to its end is the one that is made of its entries. */
static void try_list(const char *text)
{
	struct gid_branch branch;
	const char *at = text;
	char *again = NULL;
	int status;

	while ((status = gid_next_branch(&at, &branch)) == 1) {
		struct txn_gid parts;

		fuzz_must(gid_is_site(branch.site) && txn_gid_parse(branch.gid, &parts) == 0);
		again = gid_add_branch(again, branch.site, branch.gid);
		fuzz_must(again != NULL);
	}
	fuzz_must(status <= 0);
	if (status == 0)
		fuzz_must(strcmp(again ? again : "", text) == 0);
	free(again);
}

/* Any name will do for people, and makes a gid that is read again. */
static void try_name(const char *text)
{
	static const char uuid[] = "01234567-89ab-4def-8123-456789abcdef";
	char gid[TXN_GID_MAX + 1];
	struct txn_gid parts;

	fuzz_must(txn_gid_format(gid, uuid, 7, uuid, text) == 0);
	fuzz_must(txn_gid_parse(gid, &parts) == 0);
	fuzz_must(strcmp(parts.uuid, uuid) == 0 && strcmp(parts.site, uuid) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	try_gid(text);
	try_list(text);
	try_name(text);
	free(text);
	return 0;
}
