/* The checker that all fault tests rely on must be able to say no. */
#include <libpq-fe.h>
#include <sqlassist/error.h>
#include <stdlib.h>

#include "fault/bank.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

TEST_MAIN({ .name = "a" }, { .name = "b" })

static const char move[] = "INSERT INTO transfer VALUES (%d, %d, 'ab');"
			   "UPDATE account SET cents = cents + %d WHERE id = 1;";

static void move_both(struct bank *bank, int id)
{
	must_exec_at(bank_database(bank, 0), move, id, -10, -10);
	must_exec_at(bank_database(bank, 1), move, id, 10, 10);
}

/* Whether the checker finds nothing. */
static bool is_right(struct bank *bank, const struct told told[], size_t n)
{
	char *violation = bank_violation(bank, told, n);
	bool right = !violation;

	cr_log_info("%s", right ? "nothing found" : violation);
	free(violation);
	return right;
}

Test(bank, is_right_when_untouched)
{
	struct bank *bank = bank_new("untouched", "abl");

	cr_expect(is_right(bank, NULL, 0));
	bank_free(bank);
}

Test(bank, is_right_after_a_whole_transfer)
{
	struct bank *bank = bank_new("whole", "ab");

	move_both(bank, 7);
	cr_expect(is_right(bank, NULL, 0));
	cr_expect(eq(int, bank_has(bank, 7), 1));
	cr_expect(eq(int, bank_has(bank, 8), 0));
	bank_free(bank);
}

Test(bank, finds_a_transfer_that_an_operator_rolled_back_on_one_side)
{
	struct bank *bank = bank_new("operator", "ab");
	PGconn *one = must_connect(bank_database(bank, 0));

	must_exec(one, "BEGIN");
	must_exec(one, move, 7, -10, -10);
	must_exec(one, "PREPARE TRANSACTION 'by-hand'");
	cr_expect(eq(i64, bank_in_doubt(bank), 1));
	cr_expect(not(is_right(bank, NULL, 0)), "a branch in doubt was not found");

	must_exec_at(bank_database(bank, 1), move, 7, 10, 10);
	must_exec(one, "ROLLBACK PREPARED 'by-hand'");
	cr_expect(not(is_right(bank, NULL, 0)), "half a transfer was not found");
	cr_expect(eq(int, bank_has(bank, 7), -1));
	PQfinish(one);
	bank_free(bank);
}

Test(bank, finds_half_a_transfer_in_a_file)
{
	struct bank *bank = bank_new("half", "al");

	must_exec_file(bank_database(bank, 1), "INSERT INTO transfer VALUES (7, 0, 'al')");
	cr_expect(not(is_right(bank, NULL, 0)));
	bank_free(bank);
}

Test(bank, finds_money_that_was_made)
{
	struct bank *bank = bank_new("made", "ab");

	must_exec_at(bank_database(bank, 1), "UPDATE account SET cents = cents + 1 WHERE id = 1");
	cr_expect(not(is_right(bank, NULL, 0)));
	bank_free(bank);
}

Test(bank, finds_a_transfer_of_unequal_sides)
{
	struct bank *bank = bank_new("unequal", "ab");

	must_exec_at(bank_database(bank, 0), move, 7, -10, -10);
	must_exec_at(bank_database(bank, 1), move, 7, 11, 11);
	cr_expect(not(is_right(bank, NULL, 0)));
	bank_free(bank);
}

Test(bank, holds_coordinators_to_their_word)
{
	struct bank *bank = bank_new("word", "ab");
	const struct told there = { 7, SQLA_OK }, pending = { 7, SQLA_PENDING };
	const struct told not_there = { 8, SQLA_EABORTED }, doubt = { 8, SQLA_EINDOUBT };
	const struct told lost = { 8, SQLA_OK }, undead = { 7, SQLA_ERETRY };
	const struct told mixed = { 7, SQLA_EMIXED };

	move_both(bank, 7);
	cr_expect(is_right(bank, &there, 1));
	cr_expect(is_right(bank, &pending, 1));
	cr_expect(is_right(bank, &not_there, 1));
	cr_expect(is_right(bank, &doubt, 1));
	cr_expect(not(is_right(bank, &lost, 1)));
	cr_expect(not(is_right(bank, &undead, 1)));
	cr_expect(not(is_right(bank, &mixed, 1)));
	bank_free(bank);
}
