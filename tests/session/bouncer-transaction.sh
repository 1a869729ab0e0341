#!/bin/sh
# Sessions commit together, branches end and recovery looks through a PgBouncer
# in transaction pooling mode.
. "$top_srcdir/tests/support/bouncer.sh"
through transaction \
	'session/test-votes session/test-bad-sql' \
	'session/test-lost session/test-postgres' \
	'postgres/test-look' \
	'session/test-unsafe postgres/test-branch postgres/test-outcome postgres/test-list'
