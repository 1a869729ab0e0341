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

/* Fills link->server. Negative: the link cannot be used. */
int pg_probe(struct pg_link *link);

#endif
