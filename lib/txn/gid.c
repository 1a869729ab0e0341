#include "txn/gid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uuid/uuid.h>

#include "base/error.h"

#define VERSION "sqla1"
#define SITE_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define NAME_CHARS SITE_CHARS "."
#define NAME_MAX_BYTES 64
#define NUMBER_MAX 99999

/*
 * libuuid seeds a generator of its own for every uuid, to mix with what the
 * kernel gives; the kernel's alone is as random, and fifty times cheaper.
 */
void gid_new_uuid(char ret_uuid[37])
{
	uuid_t id;

	if (getentropy(id, sizeof(id)) == 0) {
		id[6] = (unsigned char)((id[6] & 0x0F) | 0x40); /* version 4 */
		id[8] = (unsigned char)((id[8] & 0x3F) | 0x80); /* of RFC 4122 */
	} else {
		uuid_generate_random(id);
	}
	uuid_unparse_lower(id, ret_uuid);
}

bool gid_is_site(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && length <= TXN_SITE_MAX && strspn(text, SITE_CHARS) == length;
}

bool gid_is_uuid(const char *text)
{
	uuid_t id;

	return strspn(text, "0123456789abcdef-") == 36 && text[36] == '\0' &&
	       uuid_parse(text, id) == 0;
}

/* The name is for people: it is cleaned, never refused. */
static void clean_name(char ret_name[NAME_MAX_BYTES + 1], const char *name)
{
	size_t n = 0;

	for (; *name && n < NAME_MAX_BYTES; name++)
		ret_name[n++] = strchr(NAME_CHARS, *name) ? *name : '_';
	if (n == 0)
		ret_name[n++] = '_';
	ret_name[n] = '\0';
}

int txn_gid_format(char ret_gid[TXN_GID_MAX + 1], const char *uuid, unsigned number,
		   const char *site, const char *name)
{
	char clean[NAME_MAX_BYTES + 1];

	if (!ret_gid || !uuid || !site || !name)
		return error_set(SQLA_EMISUSE, NULL, NULL, "txn_gid_format: an argument is NULL");
	if (!gid_is_uuid(uuid) || !gid_is_site(site) || number > NUMBER_MAX)
		return error_set(SQLA_EMISUSE, NULL,
				 "Give the uuid in lower case and a site of "
				 "at most 63 letters, digits, '_' and '-'.",
				 "cannot make a gid of uuid \"%s\", number %u, site \"%s\"", uuid,
				 number, site);
	clean_name(clean, name);
	(void)snprintf(ret_gid, TXN_GID_MAX + 1, VERSION ".%s.%u.%s.%s", uuid, number, site, clean);
	return 0;
}

int txn_gid_parse(const char *gid, struct txn_gid *ret_parts)
{
	struct txn_gid parts;
	char again[TXN_GID_MAX + 1];

	if (!gid || !ret_parts)
		return error_set(SQLA_EMISUSE, NULL, NULL, "txn_gid_parse: an argument is NULL");
	if (strlen(gid) > TXN_GID_MAX ||
	    sscanf(gid, VERSION ".%36[0-9a-f-].%5u.%63[A-Za-z0-9_-].%64s", parts.uuid,
		   &parts.number, parts.site, parts.name) != 4 ||
	    !gid_is_uuid(parts.uuid))
		goto foreign;
	/* What we would not have written ourselves is not ours. */
	if (txn_gid_format(again, parts.uuid, parts.number, parts.site, parts.name) < 0 ||
	    strcmp(again, gid) != 0)
		goto foreign;
	*ret_parts = parts;
	return 0;
foreign:
	return error_set(SQLA_ENOTFOUND, NULL, "Leave it alone: it belongs to other software.",
			 "not a gid of this library");
}

int gid_next_branch(const char **list, struct gid_branch *ret_branch)
{
	struct gid_branch branch;
	struct txn_gid parts;
	int length = 0;

	if (**list == '\0')
		return 0;
	if (sscanf(*list, "%63[A-Za-z0-9_-]=%199[A-Za-z0-9._-]%n", branch.site, branch.gid,
		   &length) != 2 ||
	    txn_gid_parse(branch.gid, &parts) < 0)
		goto malformed;
	/* A separator is followed by another entry. */
	if ((*list)[length] == ',' && (*list)[length + 1])
		length++;
	else if ((*list)[length])
		goto malformed;
	*list += length;
	*ret_branch = branch;
	return 1;
malformed:
	return error_set(SQLA_EMISUSE, NULL,
			 "Somebody else wrote to the decision table: find out who.",
			 "the branch list of a decision row is malformed");
}

char *gid_add_branch(char *list, const char *site, const char *gid)
{
	char *longer = NULL;

	if (asprintf(&longer, "%s%s%s=%s", list ? list : "", list && *list ? "," : "", site, gid) <
	    0)
		longer = NULL;
	free(list);
	return longer;
}
