/* What a link must know of its server: asked when it is opened, in two round
 * trips, and again where it may have changed. */
#ifndef POSTGRES_PROBE_H
#define POSTGRES_PROBE_H

struct pg_link;

/*
 * SQL for why the table with the pg_class row named c cannot arbitrate (I1),
 * or ''. A row in it must be unique at once, survive a crash, and be what was
 * inserted.
 */
#define PG_TABLE_FAULT                                                                       \
	"CASE WHEN c.relkind <> 'r' THEN 'is not a plain table'"                             \
	" WHEN c.relpersistence <> 'p' THEN 'is unlogged: it is emptied by a crash'"         \
	" WHEN c.relhasrules THEN 'has rules'"                                               \
	" WHEN c.relrowsecurity THEN 'has row security'"                                     \
	" WHEN EXISTS (SELECT FROM pg_catalog.pg_inherits"                                   \
	" WHERE inhparent = c.oid OR inhrelid = c.oid) THEN 'inherits or is inherited'"      \
	" WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a" \
	" ON a.attrelid = c.oid AND a.attnum = i.indkey[0] WHERE i.indrelid = c.oid"         \
	" AND i.indisprimary AND i.indimmediate AND i.indisvalid AND i.indnatts = 1"         \
	" AND a.attname = 'txn' AND a.atttypid = 'pg_catalog.uuid'::pg_catalog.regtype)"     \
	" THEN 'has no primary key on txn, or a deferrable one'"                             \
	" WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = c.oid)"             \
	" THEN 'has triggers or foreign keys'"                                               \
	" ELSE '' END"

/*
 * The same for who knows where the rows are: of the table's pg_class c, its
 * primary key's pg_index i, and that one's column's pg_attribute a. The flags
 * are what the server itself goes by: where relhastriggers is not set it looks
 * for none. They may be set with nothing behind them, never the other way.
 */
#define PG_TABLE_IS_SOUND                                                                \
	"c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relhasrules"               \
	" AND NOT c.relrowsecurity AND NOT c.relhassubclass AND NOT c.relispartition"    \
	" AND NOT c.relhastriggers AND i.indrelid = c.oid AND i.indisprimary"            \
	" AND i.indimmediate AND i.indisvalid AND i.indnatts = 1 AND a.attrelid = c.oid" \
	" AND a.attnum = i.indkey[0] AND a.attname = 'txn' AND a.attinhcount = 0"        \
	" AND a.atttypid = 'pg_catalog.uuid'::pg_catalog.regtype"

/* Those places, of c, i and a, and what has to be joined to c to tell them. */
#define PG_TABLE_PLACES "c.ctid, p.key, p.key_column"
#define PG_TABLE_JOIN_PLACES                                                               \
	"LEFT JOIN LATERAL (SELECT i.ctid, a.ctid FROM pg_catalog.pg_index i"              \
	" JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]" \
	" WHERE i.indrelid = c.oid AND i.indisprimary) AS p (key, key_column) ON true"

/* Fills link->server. Negative: the link cannot be used. */
int pg_probe(struct pg_link *link);

#endif
