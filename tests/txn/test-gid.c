#include "txn/gid.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "support/alloc.h"
#include "support/test.h"

#define UUID "01234567-89ab-cdef-8123-456789abcdef"
#define SITE "fedcba98-7654-4321-8fed-cba987654321"
#define GID "sqla1." UUID ".3." SITE ".writer"

Test(gid, what_is_formatted_is_parsed_again)
{
	char gid[TXN_GID_MAX + 1];
	struct txn_gid parts;

	cr_assert(zero(int, txn_gid_format(gid, UUID, 3, SITE, "writer")));
	cr_assert(eq(str, gid, (char *)GID));
	cr_assert(zero(int, txn_gid_parse(gid, &parts)));
	cr_expect(eq(str, parts.uuid, (char *)UUID));
	cr_expect(eq(str, parts.site, (char *)SITE));
	cr_expect(eq(str, parts.name, (char *)"writer"));
	cr_expect(eq(uint, parts.number, 3));
}

Test(gid, a_name_for_people_is_cleaned_and_cut)
{
	char gid[TXN_GID_MAX + 1], name[300];
	struct txn_gid parts;

	cr_assert(zero(int, txn_gid_format(gid, UUID, 1, SITE, "it's; DROP \"x\" \xc3\xa4")));
	cr_expect(eq(ptr, strpbrk(gid, "';\" "), NULL));
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cr_assert(zero(int, txn_gid_format(gid, UUID, 99999, SITE, name)));
	cr_assert(le(sz, strlen(gid), (size_t)TXN_GID_MAX));
	cr_assert(zero(int, txn_gid_parse(gid, &parts)));
	cr_assert(zero(int, txn_gid_format(gid, UUID, 1, SITE, "")));
	cr_assert(zero(int, txn_gid_parse(gid, &parts)));
}

Test(gid, is_plain_in_the_letters_that_strspn_knows_and_no_others)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789._-";

	for (int c = 1; c <= UCHAR_MAX; c++) {
		const char text[] = { 'a', (char)c, 'b', '\0' };
		bool is_plain = strspn(text, plain) == strlen(text);
		bool is_site = is_plain && c != '.';

		cr_expect(eq(int, gid_is_plain(text), is_plain), "%d", c);
		cr_expect(eq(int, gid_is_site(text), is_site), "%d", c);
	}
}

Test(gid, is_plain_up_to_its_length)
{
	char text[TXN_GID_MAX + 2] = "";

	cr_expect(not(gid_is_plain(text)));
	memset(text, 'x', TXN_GID_MAX);
	cr_expect(gid_is_plain(text));
	text[TXN_GID_MAX] = 'x';
	cr_expect(not(gid_is_plain(text)));
}

Test(gid, foreign_names_are_not_parsed)
{
	static const char *const foreign[] = {
		"",
		"x",
		"sqla1",
		"sqla1.",
		"sqla2." UUID ".3." SITE ".writer",
		"SQLA1." UUID ".3." SITE ".writer",
		" " GID,
		GID " ",
		GID "\n",
		GID "'",
		"sqla1." UUID ".03." SITE ".writer",
		"sqla1." UUID ".+3." SITE ".writer",
		"sqla1." UUID ".-3." SITE ".writer",
		"sqla1." UUID ". 3." SITE ".writer",
		"sqla1." UUID ".100000." SITE ".writer",
		"sqla1." UUID "..." SITE ".writer",
		"sqla1." UUID ".3.."
		"writer",
		"sqla1." UUID ".3." SITE ".",
		"sqla1." UUID ".3." SITE,
		"sqla1.01234567-89AB-cdef-8123-456789abcdef.3." SITE ".writer",
		"sqla1.0123456789ab-cdef-8123-456789abcdef----.3." SITE ".writer",
		"sqla1." UUID
		".3.a_site_of_more_than_sixty_three_bytes_which_is_one_too_long_by_far_"
		".writer",
	};
	struct txn_gid parts;

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		cr_expect(eq(int, txn_gid_parse(foreign[i], &parts), SQLA_ENOTFOUND), "%s",
			  foreign[i]);
}

Test(gid, bad_arguments_are_misuse)
{
	char gid[TXN_GID_MAX + 1];
	struct txn_gid parts;

	cr_expect(eq(int, txn_gid_format(NULL, UUID, 1, SITE, "n"), SQLA_EMISUSE));
	cr_expect(eq(int, txn_gid_format(gid, "no uuid", 1, SITE, "n"), SQLA_EMISUSE));
	cr_expect(eq(int, txn_gid_format(gid, UUID, 1, "a.b", "n"), SQLA_EMISUSE));
	cr_expect(eq(int, txn_gid_format(gid, UUID, 100000, SITE, "n"), SQLA_EMISUSE));
	cr_expect(eq(int, txn_gid_format(gid, NULL, 1, SITE, "n"), SQLA_EMISUSE));
	cr_expect(eq(int, txn_gid_format(gid, UUID, 1, NULL, "n"), SQLA_EMISUSE));
	cr_expect(eq(int, txn_gid_format(gid, UUID, 1, SITE, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, txn_gid_format(gid, UUID, 1, "", "n"), SQLA_EMISUSE));
	cr_expect(eq(int, txn_gid_format(gid, "------------------------------------", 1, SITE, "n"),
		     SQLA_EMISUSE));
	cr_expect(eq(int, txn_gid_parse(NULL, &parts), SQLA_EMISUSE));
	cr_expect(eq(int, txn_gid_parse(GID, NULL), SQLA_EMISUSE));
}

Test(gid, a_branch_list_is_read_back_entry_by_entry)
{
	char *list = gid_add_branch(NULL, "one", GID);
	struct gid_branch branch;
	const char *at;

	list = gid_add_branch(list, "two", GID);
	at = list;
	cr_assert(eq(int, gid_next_branch(&at, &branch), 1));
	cr_expect(eq(str, branch.site, (char *)"one"));
	cr_expect(eq(str, branch.gid, (char *)GID));
	cr_assert(eq(int, gid_next_branch(&at, &branch), 1));
	cr_expect(eq(str, branch.site, (char *)"two"));
	cr_assert(zero(int, gid_next_branch(&at, &branch)));
	free(list);
}

Test(gid, a_malformed_branch_list_is_refused)
{
	static const char *const bad[] = {
		"x",	 "=",	      "one=",	   "=" GID,	   "one=" GID ",", "one=" GID ";",
		"one=x", ",one=" GID, "one= " GID, "one=" GID " ",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *at = bad[i];
		struct gid_branch branch;

		cr_expect(eq(int, gid_next_branch(&at, &branch), SQLA_EMISUSE), "%s", bad[i]);
	}
}

Test(gid, a_branch_list_may_begin_empty_and_needs_memory)
{
	char *list = gid_add_branch(strdup(""), "one", GID);

	cr_assert(eq(str, list, (char *)"one=" GID));
	alloc_fail_at(1, true);
	list = gid_add_branch(list, "two", GID);
	(void)alloc_stop();
	cr_expect(eq(ptr, list, NULL));
}

/* In place of the C library's, so that it can fail as in an old kernel. */
static bool is_kernel_old;

int getentropy(void *bytes, size_t n)
{
	if (!is_kernel_old)
		return getrandom(bytes, n, 0) == (ssize_t)n ? 0 : -1;
	errno = ENOSYS;
	return -1;
}

Test(gid, a_new_uuid_is_one_also_in_an_old_kernel)
{
	char one[37], other[37];

	is_kernel_old = true;
	gid_new_uuid(one);
	gid_new_uuid(other);
	is_kernel_old = false;
	cr_assert(gid_is_uuid(one) && gid_is_uuid(other));
	cr_expect(ne(str, one, other));
}

Test(gid, a_new_uuid_is_one_by_chance_and_another_each_time)
{
	char one[37], other[37];

	gid_new_uuid(one);
	gid_new_uuid(other);
	cr_assert(gid_is_uuid(one) && gid_is_uuid(other));
	cr_expect(ne(str, one, other));
	/* Version 7, of RFC 9562's variant. */
	cr_expect(eq(chr, one[14], '7'));
	cr_expect(ne(ptr, strchr("89ab", one[19]), NULL));
}

/* Milliseconds since 1970, in its first twelve digits. */
static int64_t time_of(const char *uuid)
{
	char digits[13];

	(void)snprintf(digits, sizeof(digits), "%.8s%.4s", uuid, uuid + 9);
	return strtoll(digits, NULL, 16);
}

Test(gid, a_new_uuid_begins_with_the_time)
{
	int64_t before = clock_unix_ms();
	char uuid[37];

	for (int i = 0; i < 2; i++) {
		is_kernel_old = i == 1;
		gid_new_uuid(uuid);
		cr_expect(ge(i64, time_of(uuid), before));
		cr_expect(le(i64, time_of(uuid), clock_unix_ms()));
	}
	is_kernel_old = false;
}
