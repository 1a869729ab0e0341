#include "txn/gid.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uuid/uuid.h>

#include "base/clock.h"
#include "base/copy.h"
#include "base/error.h"

#define VERSION "sqla1"
#define NAME_MAX_BYTES 64
#define NUMBER_MAX 99999

/* In front, most significant byte first. */
static void stamp(uuid_t id, int64_t unix_ms)
{
	for (int i = 0; i < 6; i++)
		id[i] = (unsigned char)(unix_ms >> (8 * (5 - i)));
}

/*
 * Version 7: as random as need be, and in the order of time, so that decision rows
 * go in, and are forgotten, side by side; scattered over the table, each would be
 * a page of its own to read and to write. No more than that depends on the clock.
 *
 * libuuid seeds a generator of its own for every uuid, to mix with what the
 * kernel gives; the kernel's alone is as random, and fifty times cheaper.
 */
void gid_new_uuid(char ret_uuid[37])
{
	uuid_t id;

	if (getentropy(id, sizeof(id)) < 0)
		uuid_generate_random(id);
	stamp(id, clock_unix_ms());
	id[6] = (unsigned char)((id[6] & 0x0F) | 0x70); /* version 7 */
	id[8] = (unsigned char)((id[8] & 0x3F) | 0x80); /* of RFC 9562 */
	uuid_unparse_lower(id, ret_uuid);
}

/* Whatever the locale has to say. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex_digit(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

/* What may stand in a gid, each at its own place: every byte of every gid is looked
 * up here, more than once. */
static const char plain[UCHAR_MAX + 1] = "                                "
					 "             -. 0123456789      "
					 " ABCDEFGHIJKLMNOPQRSTUVWXYZ    _"
					 " abcdefghijklmnopqrstuvwxyz     ";

static bool is_plain_char(char c)
{
	return plain[(unsigned char)c] > ' ';
}

static bool is_site_char(char c)
{
	return is_plain_char(c) && c != '.';
}

bool gid_is_site(const char *text)
{
	size_t length = 0;

	while (is_site_char(text[length]))
		length++;
	return length > 0 && length <= TXN_SITE_MAX && text[length] == '\0';
}

bool gid_is_plain(const char *text)
{
	size_t length = 0;

	while (is_plain_char(text[length]))
		length++;
	return length > 0 && length <= TXN_GID_MAX && text[length] == '\0';
}

bool gid_is_uuid(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i = 0;

	while (form[i] && (form[i] == '-' ? text[i] == '-' : is_hex_digit(text[i])))
		i++;
	return !form[i] && !text[i];
}

/* The name is for people: it is cleaned, never refused. */
static void clean_name(char ret_name[NAME_MAX_BYTES + 1], const char *name)
{
	size_t n = 0;

	for (; *name && n < NAME_MAX_BYTES; name++)
		ret_name[n++] = (char)(is_plain_char(*name) ? *name : '_');
	if (n == 0)
		ret_name[n++] = '_';
	ret_name[n] = '\0';
}

static int refuse_parts(const char *uuid, unsigned number, const char *site)
{
	return error_set(SQLA_EMISUSE, NULL,
			 "Give the uuid in lower case and a site of "
			 "at most 63 letters, digits, '_' and '-'.",
			 "cannot make a gid of uuid \"%s\", number %u, site \"%s\"", uuid, number,
			 site);
}

int gid_make(char ret_gid[TXN_GID_MAX + 1], const char *uuid, unsigned number, const char *site,
	     const char *name)
{
	char clean[NAME_MAX_BYTES + 1], digits[COPY_NUMBER_SIZE];

	if (number > NUMBER_MAX)
		return refuse_parts(uuid, number, site);
	clean_name(clean, name);
	copy_number(digits, number, 1);
	copy_joined(ret_gid, TXN_GID_MAX + 1, VERSION ".", uuid, ".", digits, ".", site, ".", clean,
		    NULL);
	return 0;
}

int txn_gid_format(char ret_gid[TXN_GID_MAX + 1], const char *uuid, unsigned number,
		   const char *site, const char *name)
{
	if (!ret_gid || !uuid || !site || !name)
		return error_set(SQLA_EMISUSE, NULL, NULL, "txn_gid_format: an argument is NULL");
	if (!gid_is_uuid(uuid) || !gid_is_site(site))
		return refuse_parts(uuid, number, site);
	return gid_make(ret_gid, uuid, number, site, name);
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
	size_t used = list ? strlen(list) : 0;
	size_t size = used + strlen(site) + strlen(gid) + sizeof(",=");
	char *longer = realloc(list, size);

	if (longer)
		copy_joined(longer + used, size - used, used ? "," : "", site, "=", gid, NULL);
	else
		free(list);
	return longer;
}
