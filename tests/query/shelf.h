/* A table of books with hostile names, on engine "e" of schema/both.h. */
#ifndef TESTS_QUERY_SHELF_H
#define TESTS_QUERY_SHELF_H

#include "schema/both.h"

struct book {
	int64_t id;
	char *title;
	int32_t pages;
	bool has_pages;
	char isbn[SQLA_UUID_SIZE];
};

/* The column of the title. */
#define TITLE "the \"title\"; DROP TABLE x --"

extern const struct sqla_table shelf;

/* Makes the table, and opens a session on it. */
struct sqla_session *must_shelf(void);

/* Puts a book there; PAGES 0: NULL. */
void must_put(struct sqla_session *s, const char *title, int32_t pages);

/* Puts several, which end with NULL. */
#define MUST_PUT(s, ...) must_put_all((s), (const char *const[]){ __VA_ARGS__, NULL })
void must_put_all(struct sqla_session *s, const char *const titles[]);

/* Reads and closes ROWS: expects these titles, joined with "|". */
void expect_titles(struct sqla_rows *rows, const char *expected);

/* A new text of N times C. */
char *must_repeat(const char *c, size_t n);

#endif
