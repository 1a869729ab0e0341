/*
 * What the library asks of the network and of the disks for a transaction, in
 * whole numbers: dependent round trips, and forced writes of the servers.
 */
#include "cell.h"
#include "doubts.h"
#include "wire.h"

#include "support/main.h"
#include "support/test.h"

#include <sqlassist.h>

/* The servers' writers do not wake up meanwhile and sync what they find. */
static const char quiet[] = "wal_writer_delay = 10s\nautovacuum = off\n";

/* One at a time: the servers count for all. */
TEST_MAIN_JOBS(1, { .name = "bench0", .conf = quiet }, { .name = "bench1", .conf = quiet },
	       { .name = "bench2", .conf = quiet })

/* Of one transaction. */
struct cost {
	int work;   /* round trips until the commit */
	int commit; /* round trips of the commit */
	int syncs;  /* forced writes of all servers */
};

enum { N = 50 };

static struct slice run(const struct shape *shape, const struct way *way)
{
	const struct slice_limit limit = { .transactions = N };
	struct places *places = places_new(shape, 0);
	struct crew *crew;
	struct slice did;

	places_register(places, 1, 0);
	crew = crew_new(way, places, 1);
	/* The first make tables and connections, and fill caches. */
	(void)crew_run(crew, limit, NULL);
	did = crew_run(crew, limit, NULL);
	crew_free(crew);
	cr_assert(eq(int, sqla_engine_unregister(NULL), 0));
	places_free(places);
	return did;
}

/* A checkpoint, or a full segment, may sync now and then: hence the rounding. */
static void must_cost(const char *name, struct cost expected)
{
	struct slice did = run(shape_find(name), &way_library);

	cr_expect(eq(int, (int)did.failed, 0), "%s", name);
	cr_expect(eq(int, (int)did.transactions, N), "%s", name);
	cr_expect(eq(int, (int)(did.rounds - did.commit_rounds), N *expected.work), "%s", name);
	cr_expect(eq(int, (int)did.commit_rounds, N *expected.commit), "%s", name);
	cr_expect(eq(int, (int)((did.wal_syncs + N / 2) / N), expected.syncs), "%s", name);
}

/* Claim and prepare, commit, commit prepared; the work is a round trip for each. */
Test(cost, of_two_servers_is_three_round_trips_and_three_syncs)
{
	must_cost("two-postgres", (struct cost){ .work = 2, .commit = 3, .syncs = 3 });
}

/* The next transaction's first message is sent behind the last one's last, and only
 * the first one of all begins by itself. */
Test(cost, of_two_servers_that_are_not_waited_for_is_a_round_trip_less)
{
	const struct way *const ways[] = { &way_deferred, &way_pipelined_deferred };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct slice did = run(shape_find("two-postgres"), ways[i]);

		cr_expect(eq(int, (int)did.failed, 0), "%s", ways[i]->name);
		cr_expect(eq(int, (int)did.rounds, N * 4 + 1), "%s", ways[i]->name);
	}
}

Test(cost, of_a_further_server_is_no_further_round_trip)
{
	must_cost("three-postgres", (struct cost){ .work = 3, .commit = 3, .syncs = 5 });
}

/* The file decides, without a word to any server. */
Test(cost, of_a_server_and_a_file_is_two_round_trips)
{
	must_cost("postgres-sqlite", (struct cost){ .work = 1, .commit = 2, .syncs = 2 });
}

Test(cost, of_one_server_is_that_of_its_plain_commit)
{
	must_cost("one-postgres", (struct cost){ .work = 1, .commit = 1, .syncs = 1 });
}

Test(cost, of_a_server_that_is_only_read_is_no_sync)
{
	must_cost("read-one", (struct cost){ .work = 2, .commit = 2, .syncs = 1 });
}

Test(cost, of_one_file_is_nothing_on_the_wire)
{
	must_cost("one-sqlite", (struct cost){ .work = 0, .commit = 0, .syncs = 0 });
}

/* Round trips of a pass that ends N branches. */
static int recover(const struct doubts *doubts, int n)
{
	const struct sqla_recover_options options = { .grace_s = -1 };
	struct sqla_recover_report report;
	uint64_t before;

	doubts_leave(doubts, n);
	before = wire_read().rounds;
	cr_assert(eq(int, sqla_recover(&options, NULL, NULL, &report), SQLA_OK));
	cr_assert(eq(int, report.committed + report.rolled_back, n));
	return (int)(wire_read().rounds - before);
}

/* They are looked at together, and ended ten at a time. */
Test(cost, of_recovery_is_a_round_trip_more_for_ten_more_branches)
{
	struct doubts *doubts = doubts_new();
	int rounds = recover(doubts, 10);

	cr_expect(eq(int, recover(doubts, 60) - rounds, 5));
	cr_expect(eq(int, rounds - recover(doubts, 0), 10));
	doubts_free(doubts);
}
