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
 * The same for who knows where the rows are: of the table's pg_class ($3 at $4),
 * its primary key's pg_index (at $5), and that one's column's pg_attribute (at
 * $6). The flags are what the server itself goes by: where relhastriggers is not
 * set it looks for none. They may be set with nothing behind them, never the other
 * way. Each row is looked at alone: to join them costs the server twice as much.
 */
#define PG_TABLE_IS_SOUND                                                              \
	"EXISTS (SELECT FROM pg_catalog.pg_class c"                                    \
	" WHERE c.ctid = $4::pg_catalog.tid AND c.oid = $3"                            \
	" AND c.relkind = 'r' AND c.relpersistence = 'p' AND NOT (c.relhasrules"       \
	" OR c.relrowsecurity OR c.relhassubclass OR c.relispartition"                 \
	" OR c.relhastriggers)) AND EXISTS (SELECT FROM pg_catalog.pg_index i"         \
	" WHERE i.ctid = $5::pg_catalog.tid AND i.indrelid = $3 AND i.indisprimary"    \
	" AND i.indimmediate AND i.indisvalid AND i.indnatts = 1 AND i.indkey[0] ="    \
	" (SELECT a.attnum FROM pg_catalog.pg_attribute a"                             \
	" WHERE a.ctid = $6::pg_catalog.tid AND a.attrelid = $3 AND a.attname = 'txn'" \
	" AND a.attinhcount = 0 AND a.atttypid = 'pg_catalog.uuid'::pg_catalog.regtype))"

/* Those places, with c as the table's pg_class, and what has to be joined to tell them. */
#define PG_TABLE_PLACES "c.ctid, p.key, p.key_column"
#define PG_TABLE_JOIN_PLACES                                                               \
	"LEFT JOIN LATERAL (SELECT i.ctid, a.ctid FROM pg_catalog.pg_index i"              \
	" JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]" \
	" WHERE i.indrelid = c.oid AND i.indisprimary) AS p (key, key_column) ON true"

/* Fills link->server. Negative: the link cannot be used. */
int pg_probe(struct pg_link *link);

#endif
