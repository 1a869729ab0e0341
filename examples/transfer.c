/*
 * transfer.c - pays a till's cash (SQLite) into a bank account (PostgreSQL).
 * Both databases change, or none, whatever crashes in between.
 *
 *	transfer sqlite:///till.db postgresql:///bank 1999
 */
#include <stdio.h>
#include <stdlib.h>

#include <sqlassist.h>

static int pay_in(void *arg)
{
	const int64_t *cents = arg;
	struct sqla_session *till = NULL, *bank = NULL;
	int r;

	r = sqla_session_open("till", &till); /* joins the transaction */
	if (r >= 0)
		r = sqla_session_open("bank", &bank);
	if (r >= 0)
		r = sqla_exec(till, "UPDATE drawer SET cents = cents - $1", sqla_int(*cents));
	if (r >= 0)
		r = sqla_exec(bank, "UPDATE account SET cents = cents + $1 WHERE owner = $2",
			      sqla_int(*cents), sqla_text("shop"));
	sqla_session_close(bank);
	sqla_session_close(till);
	return r; /* negative: txn_run aborts; else it commits both */
}

int main(int argc, char **argv)
{
	int64_t cents = argc == 4 ? atoll(argv[3]) : 0;
	int r;

	if (cents <= 0)
		return fprintf(stderr, "usage: transfer TILL-URL BANK-URL CENTS\n"), 2;
	r = sqla_engine_register("till", argv[1], NULL);
	if (r >= 0)
		r = sqla_engine_register("bank", argv[2], NULL);
	if (r >= 0) /* ends what an earlier crash left in doubt */
		r = sqla_recover(NULL, NULL, NULL, NULL);
	if (r >= 0)
		r = txn_run(5, pay_in, &cents);
	if (r < 0)
		fprintf(stderr, "%s: %s %s\n", sqla_strerror(r), sqla_error_last()->message,
			sqla_error_last()->hint);
	sqla_engine_unregister(NULL);
	return r < 0;
}
