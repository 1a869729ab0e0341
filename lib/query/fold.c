#include "query/fold.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <unistr.h>

#include "base/error.h"
#include "schema/sql.h"

enum {
	ASCII_END = 0x80,
	CASED_END = 0x20000, /* no letter above has a case */
	OTHERS_MAX = 4096,   /* Unicode 14 has some 1,400 */
};

/* Every letter beyond ASCII that counts as another one, sorted by that. */
struct other {
	uint32_t as, letter;
};
static struct other others[OTHERS_MAX];
static size_t n_others;
static pthread_once_t others_once = PTHREAD_ONCE_INIT;

/* By way of the capital: so the two small sigmas are one. */
uint32_t fold_letter(uint32_t c)
{
	uint32_t small = uc_tolower(uc_toupper(c));

	return c >= ASCII_END && small < ASCII_END ? c : small;
}

static int compare(const void *a, const void *b)
{
	const struct other *one = a, *two = b;

	return (one->as > two->as) - (one->as < two->as);
}

static void find_others(void)
{
	for (uint32_t c = ASCII_END; c < CASED_END && n_others < OTHERS_MAX; c++) {
		uint32_t as = fold_letter(c);

		if (as != c)
			others[n_others++] = (struct other){ .as = as, .letter = c };
	}
	qsort(others, n_others, sizeof(*others), compare);
}

size_t fold_others(uint32_t c, uint32_t ret_others[FOLD_OTHERS_MAX])
{
	struct other wanted = { .as = c };
	const struct other *at;
	size_t n = 0;

	(void)pthread_once(&others_once, find_others);
	at = bsearch(&wanted, others, n_others, sizeof(*others), compare);
	if (!at)
		return 0;
	while (at > others && at[-1].as == c)
		at--;
	for (; at < others + n_others && at->as == c && n < FOLD_OTHERS_MAX; at++)
		ret_others[n++] = at->letter;
	return n;
}

uint32_t fold_next(const char **text)
{
	ucs4_t c;
	const uint8_t *behind = u8_next(&c, (const uint8_t *)*text);

	if (!behind)
		return 0;
	*text = (const char *)behind;
	return c;
}

void fold_put(FILE *out, uint32_t c)
{
	uint8_t bytes[6];
	int n = u8_uctomb(bytes, c, sizeof(bytes));

	if (n > 0)
		(void)fwrite(bytes, 1, (size_t)n, out);
}

int fold_text(const char *text, char **ret_folded)
{
	struct sql folded;
	int status;

	if (u8_check((const uint8_t *)text, strlen(text)))
		return error_set(SQLA_EMISUSE, NULL, "Convert it first.",
				 "the text to look for is not UTF-8");
	status = sql_begin(&folded);
	if (status < 0)
		return status;
	for (uint32_t c = fold_next(&text); c; c = fold_next(&text))
		fold_put(folded.out, fold_letter(c));
	status = sql_end(&folded);
	if (status == 0)
		*ret_folded = folded.text;
	return status;
}
