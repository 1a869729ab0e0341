#include "demo-proof.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sqlassist.h>

#include "demo-shop.h"

/* A table of (id, cents), ordered by id, while it is walked. */
struct walk {
	struct sqla_rows *rows;
	bool is_at_end;
	int64_t id, cents;
};

static int step(struct walk *walk)
{
	int r = sqla_rows_next(walk->rows);

	walk->is_at_end = r <= 0;
	if (r > 0) {
		walk->id = sqla_rows_int(walk->rows, 0);
		walk->cents = sqla_rows_int(walk->rows, 1);
	}
	return r;
}

static int start(struct walk *walk, struct sqla_session *s, const char *sql)
{
	int r = sqla_query(s, &walk->rows, sql);

	return r < 0 ? r : step(walk);
}

/* Takes all ledger rows of one sale; SALE is that sale, or NULL. */
static int take_booked(struct walk *ledger, const struct walk *sale, struct proof *proof)
{
	const int64_t id = ledger->id;
	int r = 0;

	for (int times = 0; r >= 0 && !ledger->is_at_end && ledger->id == id; times++) {
		proof->booked++;
		proof->booked_cents += ledger->cents;
		if (times > 0)
			proof->repeated++;
		else if (!sale || sale->cents != ledger->cents)
			proof->wrong++;
		r = step(ledger);
	}
	return r;
}

/* Both walks go up by id, side by side. */
static int compare(struct walk *sales, struct walk *ledger, struct proof *proof)
{
	int r = 0;

	while (r >= 0 && !(sales->is_at_end && ledger->is_at_end)) {
		if (sales->is_at_end || (!ledger->is_at_end && ledger->id < sales->id)) {
			r = take_booked(ledger, NULL, proof);
			continue;
		}
		proof->sold++;
		proof->sold_cents += sales->cents;
		if (ledger->is_at_end || ledger->id > sales->id)
			proof->missing++;
		else
			r = take_booked(ledger, sales, proof);
		if (r >= 0)
			r = step(sales);
	}
	return r;
}

static int count(struct sqla_session *s, const char *sql, int64_t *ret_count)
{
	struct walk walk = { 0 };
	int r = sqla_query(s, &walk.rows, sql);

	if (r >= 0)
		r = sqla_rows_next(walk.rows);
	if (r > 0)
		*ret_count = sqla_rows_int(walk.rows, 0);
	return sqla_rows_close(walk.rows) < 0 ? -1 : r;
}

static void count_hot(const struct sqla_leftover *leftover, void *arg)
{
	int64_t *hot = arg;

	*hot += leftover->effect != SQLA_EFFECT_NONE;
}

/* Looked at before the files are opened. */
static int look_beside_files(struct proof *proof)
{
	const struct sqla_recover_options options = {
		.dry_run = true,
		.leftover = count_hot,
		.leftover_arg = &proof->hot,
	};
	int r = sqla_recover(&options, NULL, NULL, NULL);

	return r < 0 ? r : 0;
}

int proof_read(const char *ledger_url, struct proof *ret_proof)
{
	struct sqla_session *till = NULL, *ledger = NULL;
	struct walk sold = { 0 }, booked = { 0 };
	struct proof proof = { .has_server = !shop_is_file(ledger_url) };
	int r;

	r = look_beside_files(&proof);
	if (r >= 0)
		r = sqla_session_open(SHOP_TILL, &till);
	if (r >= 0)
		r = sqla_session_open(SHOP_LEDGER, &ledger);
	if (r >= 0)
		r = start(&sold, till, "SELECT id, cents FROM sale ORDER BY id");
	if (r >= 0)
		r = start(&booked, ledger, "SELECT sale_id, cents FROM ledger ORDER BY sale_id");
	if (r >= 0)
		r = compare(&sold, &booked, &proof);
	sqla_rows_close(booked.rows);
	sqla_rows_close(sold.rows);
	if (r >= 0)
		r = count(till, "SELECT count(*) FROM outbox", &proof.waiting);
	if (r >= 0 && proof.has_server)
		r = count(ledger, "SELECT count(*) FROM pg_prepared_xacts", &proof.in_doubt);
	if (r < 0)
		shop_complain("cannot read the proof", r);
	sqla_session_close(ledger);
	sqla_session_close(till);
	txn_abort();
	if (r < 0)
		return r;
	*ret_proof = proof;
	return 0;
}

bool proof_holds(const struct proof *proof)
{
	return proof->sold > 0 && proof->booked == proof->sold &&
	       proof->booked_cents == proof->sold_cents && proof->missing == 0 &&
	       proof->repeated == 0 && proof->wrong == 0 && proof->waiting == 0 &&
	       proof->in_doubt == 0 && proof->hot == 0;
}

static void print_must(const char *what, int64_t found, int64_t must)
{
	printf("     %-52s %8" PRId64 "   %s\n", what, found,
	       found == must ? "ok" : "NOT AS IT MUST BE");
}

static void print_money(const char *what, int64_t cents)
{
	printf("     %-52s %8" PRId64 ".%02d\n", what, cents / 100, (int)(cents % 100));
}

void proof_print(const struct proof *proof)
{
	print_must("sales that the till has sold", proof->sold, proof->sold);
	print_must("sales booked in the ledger", proof->booked, proof->sold);
	print_must("  of these: booked more than once", proof->repeated, 0);
	print_must("  of these: another amount, or never sold", proof->wrong, 0);
	print_must("sold, but missing in the ledger", proof->missing, 0);
	print_must("still waiting in the outbox", proof->waiting, 0);
	print_must("journals of a crash that nobody has dealt with", proof->hot, 0);
	if (proof->has_server)
		print_must("transactions still in doubt (pg_prepared_xacts)", proof->in_doubt, 0);
	print_money("sum of the sales in the till", proof->sold_cents);
	print_money("sum of the sales in the ledger", proof->booked_cents);
}
