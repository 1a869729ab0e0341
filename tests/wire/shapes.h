/* The shapes of transactions whose ends are struck, for X(name, parties, ...). */
#ifndef WIRE_SHAPES_H
#define WIRE_SHAPES_H

#include "wire/ledger.h"

#define WIRE_SHAPES(X)                                     \
	X(one_server, "p")                                 \
	X(one_server_with_row, "p", .with_row = true)      \
	X(two_servers, "pq")                               \
	X(two_servers_deferred, "pq", .is_deferred = true) \
	X(three_servers, "pqr")                            \
	X(server_and_file, "ps")                           \
	X(two_servers_and_a_reader, "pqR")                 \
	X(two_servers_that_abort, "pq", .aborts = true)

#define WIRE_SHAPE(id, ...) (&(const struct shape){ .name = #id, .parties = __VA_ARGS__ })

#endif
