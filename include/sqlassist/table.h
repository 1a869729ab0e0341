/*
 * table.h - tables declared once, in C.
 *
 *	struct book {
 *		int64_t id;
 *		char *title;
 *		int32_t pages;
 *		bool has_pages;
 *	};
 *	static const struct sqla_column book_columns[] = {
 *		SQLA_COLUMN(struct book, id, SQLA_COL_INT, .primary_key = true,
 *			    .autoincrement = true),
 *		SQLA_COLUMN(struct book, title, SQLA_COL_TEXT, .unique = true),
 *		SQLA_COLUMN_HAS(struct book, pages, has_pages, SQLA_COL_INT32,
 *				.nullable = true, .check = "pages > 0"),
 *	};
 *	static const struct sqla_table book = {
 *		.name = "book",
 *		.row_size = sizeof(struct book),
 *		SQLA_LIST(columns, book_columns),
 *	};
 *
 * A declaration is plain constant data, valid as long as it is used, and may
 * be shared by all threads. C++ before C++20 fills the same structs member by
 * member; since C++20 members are named in the order of their structs.
 *
 * Every name may be any UTF-8 text: it is always quoted. What is longer than
 * the engine allows (63 bytes in PostgreSQL) is cut and ends with a hash of
 * the whole. Names that differ in ASCII case alone are refused, for SQLite
 * takes them for one.
 */
#ifndef SQLASSIST_TABLE_H
#define SQLASSIST_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlassist/error.h>
#include <sqlassist/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what is declared --------------------------------------------------- */

/* A column's type	 C member	     PostgreSQL / SQLite (STRICT)      */
enum sqla_column_type {
	SQLA_COL_INT = 1,   /* int64_t		bigint / INTEGER */
	SQLA_COL_INT32,	    /* int32_t		integer / INTEGER, range checked */
	SQLA_COL_REAL,	    /* double		double precision / REAL; SQLite
				has no NaN */
	SQLA_COL_BOOL,	    /* bool		boolean / INTEGER, 0 or 1 */
	SQLA_COL_TEXT,	    /* char *		text, varchar(length) / TEXT,
				length checked */
	SQLA_COL_BLOB,	    /* struct sqla_bytes	bytea / BLOB */
	SQLA_COL_TIMESTAMP, /* int64_t: microseconds since 1970, UTC; years 1 to
				9999. timestamptz / TEXT
				"2026-11-22T10:54:21.000000Z" */
	SQLA_COL_DATE,	    /* int32_t: days since 1970-01-01; the same years.
				date / TEXT "2026-11-22" */
	SQLA_COL_NUMERIC,   /* char *: decimal digits	numeric(length, scale) /
				TEXT, kept as given, and compared as text */
	SQLA_COL_UUID,	    /* char[37]: lower case	uuid / TEXT */
	SQLA_COL_JSON,	    /* char *		json / TEXT */
};

/* The member of a blob. NULL data: SQL's NULL. */
struct sqla_bytes {
	void *data;
	size_t size;
};

#define SQLA_UUID_SIZE 37   /* bytes of a uuid member */
#define SQLA_KEY_COLUMNS 16 /* most columns of a key, constraint or index */

/* What becomes of a row when the row it refers to is deleted or changed. */
enum sqla_action {
	SQLA_NO_ACTION = 0,
	SQLA_RESTRICT,
	SQLA_CASCADE,
	SQLA_SET_NULL,
	SQLA_SET_DEFAULT,
};

/*
 * A column. Zero is the default of every member but name and type. A member
 * of the C struct says "no value" by its has_ flag, or (text, blob, numeric,
 * json) by a NULL pointer, or (uuid) by an empty text. SIZE 0: the column has
 * no member in C.
 */
struct sqla_column {
	const char *name;
	size_t offset, size; /* of the member */
	size_t has_offset;   /* 1 + offset of a bool: the member has a value */
	enum sqla_column_type type;
	bool nullable;
	bool primary_key;   /* several columns: a key of all, in this order */
	bool autoincrement; /* SQLA_COL_INT, the only key column: 0 in a row to
			       be inserted asks for a new one */
	bool unique;
	bool index;
	int length;		 /* text: most characters. numeric: digits. 0: any */
	int scale;		 /* numeric: of them, behind the point */
	const char *default_sql; /* an SQL expression; CURRENT_TIMESTAMP and
				    CURRENT_DATE mean the same on all engines */
	const char *check;	 /* an SQL condition; named after the column */
	const char *references_table;
	const char *references_column; /* NULL: that table's primary key */
	enum sqla_action on_delete, on_update;
	intptr_t reserved[4];
};

/* `.offset, .size` of a member, and `.has_offset`, for braces by hand. */
#define SQLA_MEMBER(row, member) .offset = offsetof(row, member), .size = sizeof(((row *)0)->member)
#define SQLA_HAS(row, member) .has_offset = offsetof(row, member) + 1

/* (struct, member, type, members of struct sqla_column...): a column named
 * like its member. */
#define SQLA_COLUMN(row, member, ...)                                           \
	{                                                                       \
		.name = #member, SQLA_MEMBER(row, member), .type = __VA_ARGS__, \
	}
/* (struct, member, has_member, type, ...) */
#define SQLA_COLUMN_HAS(row, member, has_member, ...)                                 \
	{                                                                             \
		.name = #member, SQLA_MEMBER(row, member), SQLA_HAS(row, has_member), \
		.type = __VA_ARGS__,                                                  \
	}
/* (name, struct, member, type, ...) */
#define SQLA_COLUMN_NAMED(column_name, row, member, ...)                              \
	{                                                                             \
		.name = (column_name), SQLA_MEMBER(row, member), .type = __VA_ARGS__, \
	}

/* Names: NULL for what the naming convention makes. */
struct sqla_unique {
	const char *name;
	const char *columns[SQLA_KEY_COLUMNS];
};

struct sqla_check {
	const char *name; /* the convention's %(constraint_name)s */
	const char *condition;
};

struct sqla_foreign_key {
	const char *name;
	const char *columns[SQLA_KEY_COLUMNS];
	const char *table;
	const char *referred[SQLA_KEY_COLUMNS]; /* empty: the primary key */
	enum sqla_action on_delete, on_update;
	bool deferred; /* is checked when the transaction commits */
};

struct sqla_index {
	const char *name;
	const char *columns[SQLA_KEY_COLUMNS];
	bool unique;
	const char *where; /* an SQL condition; NULL: all rows */
};

struct sqla_table {
	const char *name;
	size_t row_size; /* of the C struct; 0: there is none */
	const struct sqla_column *columns;
	size_t n_columns;
	const struct sqla_unique *uniques;
	size_t n_uniques;
	const struct sqla_check *checks;
	size_t n_checks;
	const struct sqla_foreign_key *foreign_keys;
	size_t n_foreign_keys;
	const struct sqla_index *indexes;
	size_t n_indexes;
	intptr_t reserved[4];
};

/* `.columns = array, .n_columns = its length`, and so on. */
#define SQLA_LIST(member, array) .member = (array), .n_##member = sizeof(array) / sizeof((array)[0])

/* ---- the metadata: all tables of an application -------------------------- */

struct sqla_metadata;

/*
 * How constraints and indexes without a name are called; NULL: as it stands
 * on the right. Placeholders: %(table_name)s, %(column_0_name)s,
 * %(column_0_label)s (table_column), %(column_0N_name)s (all, joined),
 * %(column_0_N_name)s (all, joined by "_"), the same with _label and _key,
 * with 1 and so on for 0, %(referred_table_name)s, %(referred_column_0_name)s
 * and its relatives, %(constraint_name)s; %% is a percent sign. A name that is
 * given is taken as it is, unless %(constraint_name)s puts it in its place.
 */
struct sqla_naming {
	const char *ix; /* ix_%(column_0_label)s */
	const char *uq; /* uq_%(table_name)s_%(column_0_name)s */
	const char *ck; /* ck_%(table_name)s_%(constraint_name)s */
	const char *fk; /* fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s */
	const char *pk; /* pk_%(table_name)s */
};

/* Makes an empty one; NAMING (NULL: all defaults) is copied. SQLA_EMISUSE: an
 * unknown placeholder. */
int sqla_metadata_new(const struct sqla_naming *naming, struct sqla_metadata **ret_metadata);

/* NULL is allowed. */
void sqla_metadata_free(struct sqla_metadata *metadata);

/*
 * Adds TABLE, which is borrowed until METADATA is freed.
 *   SQLA_EMISUSE   the declaration is wrong; the text names table and column
 *   SQLA_EALREADY  there is a table of that name
 */
int sqla_metadata_add(struct sqla_metadata *metadata, const struct sqla_table *table);

/* Finds by name: borrowed, or NULL. */
const struct sqla_table *sqla_metadata_table(const struct sqla_metadata *metadata,
					     const char *name);

/* Fills TABLES with at most N tables, in the order in which they were added,
 * and returns how many there are. */
size_t sqla_metadata_tables(const struct sqla_metadata *metadata, const struct sqla_table *tables[],
			    size_t n);

/*
 * Creates the tables that ENGINE (NULL: the default one) does not have, with
 * their indexes, referred tables first; tables that exist are left as they
 * are. On a connection and in a transaction of its own: all, or nothing. Many
 * processes may do it at once. Returns how many tables were created.
 *   SQLA_EMISUSE    a foreign key leads nowhere, two names are one, or the
 *		     engine is a database in memory
 *   SQLA_EREADONLY  the engine is registered so
 *   SQLA_EDATABASE  the engine refused a statement; the text has it
 *   and the statuses of sqla_session_open, sqla_exec and txn_commit
 */
int sqla_metadata_create_all(const struct sqla_metadata *metadata, const char *engine);

/* The reverse: drops those that exist, and returns how many. */
int sqla_metadata_drop_all(const struct sqla_metadata *metadata, const char *engine);

/*
 * The SQL with which create_all makes all tables in an empty database of
 * DIALECT, "postgresql" or "sqlite". Returns new text, or NULL.
 */
char *sqla_metadata_sql(const struct sqla_metadata *metadata, const char *dialect);

enum sqla_difference_kind {
	SQLA_MISSING = 0,  /* declared, and the database has it not */
	SQLA_EXTRA = 1,	   /* the database has it, and it is not declared */
	SQLA_DIFFERENT = 2 /* both have it, and it is not the same */
};

/* Texts are valid during the callback. */
struct sqla_difference {
	enum sqla_difference_kind kind;
	const char *table;
	const char *aspect;   /* table, column, type, nullability, default, generated,
				 primary key, unique, check, foreign key, index, definition */
	const char *name;     /* of the column, constraint or index; or "" */
	const char *declared; /* in the engine's words; or "" */
	const char *found;    /* the same */
};
typedef void sqla_difference_fn(const struct sqla_difference *difference, void *arg);

/*
 * Compares the tables of ENGINE with METADATA, and returns the number of
 * differences. The engine itself is asked to make the declared tables as
 * temporary ones, in a transaction that is rolled back, so that both sides
 * are in its own words; a standby cannot do it (SQLA_EDATABASE). No file is
 * made. FN may be NULL. Statuses as for create_all.
 */
int sqla_metadata_check(const struct sqla_metadata *metadata, const char *engine,
			sqla_difference_fn *fn, void *arg);

/* The declaration as JSON, for `sqlassist doctor --tables`. Returns new text,
 * or NULL. */
char *sqla_metadata_json(const struct sqla_metadata *metadata);

/* The reverse; its tables have no members in C. SQLA_ECONFIG: not such a
 * text; the message names the place. */
int sqla_metadata_parse(const char *json, struct sqla_metadata **ret_metadata);

/* ---- rows as C structs --------------------------------------------------- */

/*
 * In all that follows ROW is the table's C struct. Texts and blobs in a row
 * that is given are borrowed during the call; those in a row that comes back
 * were allocated with malloc, belong to the caller, and are freed by
 * sqla_table_row_clear. Statuses of sqla_exec everywhere, and SQLA_EMISUSE for
 * a value that the column's type cannot hold.
 */

/*
 * Inserts ROW. Columns without a value (an autoincrement key of 0; or "no
 * value" where there is a default) are left to the database, and what it chose
 * is written into ROW, but for texts and blobs: no allocation takes place.
 */
int sqla_table_insert(struct sqla_session *s, const struct sqla_table *table, void *row);

/* Writes all members of ROW but its primary key to the row with that key.
 * SQLA_ENOTFOUND: there is none. */
int sqla_table_update(struct sqla_session *s, const struct sqla_table *table, const void *row);

/* Deletes the row with ROW's primary key. SQLA_ENOTFOUND: there is none. */
int sqla_table_delete(struct sqla_session *s, const struct sqla_table *table, const void *row);

/*
 * Reads the row with the primary key of N values into RET_ROW, which is taken
 * to be empty (what it points to is not freed). SQLA_ENOTFOUND: there is none.
 */
int sqla_table_fetch_array(struct sqla_session *s, const struct sqla_table *table, void *ret_row,
			   const struct sqla_value key[], size_t n);

#ifndef __cplusplus
/* sqla_table_fetch(s, table, &row, values...) */
#define sqla_table_fetch(s, table, ...)                                   \
	sqla_table_fetch_array((s), (table), SQLA_FIRST_(__VA_ARGS__, 0), \
			       SQLA_VALUES_(__VA_ARGS__, sqla_null()))
#endif

/*
 * Selects the columns that have members. TAIL is what follows the table's name
 * in the SELECT, with $1... for N values; NULL: all rows, in the order of the
 * primary key. Read *RET_ROWS with sqla_table_next, and close them.
 */
int sqla_table_select(struct sqla_session *s, const struct sqla_table *table, const char *tail,
		      const struct sqla_value values[], size_t n, struct sqla_rows **ret_rows);

/*
 * Goes to the next row and reads it into ROW: 1, 0 at the end, or negative.
 * ROW is zero at first; what the call before put there is freed.
 */
int sqla_table_next(struct sqla_rows *rows, const struct sqla_table *table, void *row);

/* Frees the texts and blobs of ROW and zeroes it. */
void sqla_table_row_clear(const struct sqla_table *table, void *row);

#define SQLA_TIMESTAMP_SIZE 28
#define SQLA_DATE_SIZE 11

/* Timestamps and dates as text that every engine takes as a value.
 * SQLA_EMISUSE: outside the years 1 to 9999. */
int sqla_timestamp_format(int64_t microseconds, char ret_text[SQLA_TIMESTAMP_SIZE]);
int sqla_date_format(int32_t days, char ret_text[SQLA_DATE_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
