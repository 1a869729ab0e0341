#!/bin/sh
# Sessions commit together through a PgBouncer in session pooling mode.
. "$top_srcdir/tests/support/bouncer.sh"
through session 'session/test-lost' 'session/test-unsafe session/test-postgres'
