#include "wire/strikes.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/test.h"

/* Nobody waits for this one, and nothing depends on it: when the proxy sees it the
 * test may be over. */
enum { GOODBYE = 'X' };

/* ---- the real traffic ---------------------------------------------------- */

void strikes_listen(struct strikes *sweep)
{
	for (size_t i = 0; i < ledger_parties(sweep->ledger); i++)
		if (ledger_tap(sweep->ledger, i))
			tap_watch(ledger_tap(sweep->ledger, i), NULL, 0);
}

void strikes_take_targets(struct strikes *sweep)
{
	sweep->n_targets = 0;
	for (size_t i = 0; i < ledger_parties(sweep->ledger); i++) {
		struct heard *heard;
		size_t n = 0;

		if (!ledger_tap(sweep->ledger, i))
			continue;
		heard = tap_heard(ledger_tap(sweep->ledger, i), &n);
		cr_assert(lt(sz, sweep->n_targets + n, TARGETS_MAX));
		for (size_t j = 0; j < n; j++)
			if (heard[j].type != GOODBYE)
				sweep->targets[sweep->n_targets++] = (struct target){ i, heard[j] };
		free(heard);
	}
}

static int clean_status(const struct strikes *sweep)
{
	return ledger_shape(sweep->ledger)->aborts ? SQLA_EABORTED : 0;
}

static void end_clean(struct strikes *sweep)
{
	int status = ledger_end(sweep->ledger);
	struct sqla_error told = *sqla_error_last();
	char *violation = ledger_violation(sweep->ledger, status);

	cr_assert(eq(int, status, clean_status(sweep)), "%s", told.message);
	cr_assert(zero(ptr, violation), "%s", violation);
}

void strikes_clean(struct strikes *sweep)
{
	ledger_work(sweep->ledger);
	end_clean(sweep);
}

void strikes_start(struct strikes *sweep, const struct shape *shape)
{
	*sweep = (struct strikes){ .ledger = ledger_open(shape) };
	ledger_work(sweep->ledger);
	strikes_listen(sweep);
	end_clean(sweep);
	strikes_take_targets(sweep);
	cr_assert(gt(sz, sweep->n_targets, 0));
}

void strikes_end(struct strikes *sweep)
{
	printf("%s: %u cases: %u committed, %u pending, %u aborted, %u in doubt, %u missed\n",
	       ledger_shape(sweep->ledger)->name, sweep->cases, sweep->committed, sweep->pending,
	       sweep->aborted, sweep->in_doubt, sweep->missed);
	cr_expect(le(uint, sweep->missed * 10, sweep->cases));
	ledger_close(sweep->ledger);
}

/* ---- striking ------------------------------------------------------------ */

bool strikes_aim(const struct target *target, struct strike *strike)
{
	strike->side = target->heard.side;
	strike->nth = target->heard.nth;
	return strike_fits(strike, &target->heard);
}

void strikes_note(struct strikes *sweep, const struct target *target, const struct strike *strike,
		  int status, char *violation)
{
	sweep->cases++;
	sweep->committed += status == 0;
	sweep->pending += status > 0;
	sweep->in_doubt += status == SQLA_EINDOUBT;
	sweep->aborted += status < 0 && status != SQLA_EINDOUBT;
	sweep->missed += !tap_has_struck(ledger_tap(sweep->ledger, target->party));
	cr_expect(zero(ptr, violation),
		  "party %zu, %s's message %u (%c): %s %s after %zu bytes: "
		  "%d: %s",
		  target->party, strike->side == WIRE_CLIENT ? "client" : "server", strike->nth,
		  target->heard.type ? target->heard.type : '0', strike_name(strike->kind),
		  strike->sqlstate ? strike->sqlstate : "", strike->bytes, status, violation);
	free(violation);
}

/* The clean one behind it makes connections like those that were listened to. */
void strikes_at(struct strikes *sweep, const struct target *target, struct strike strike,
		int timeout_ms)
{
	int status;

	if (!strikes_aim(target, &strike))
		return;
	ledger_work(sweep->ledger);
	if (timeout_ms)
		(void)txn_set_timeout(txn_current(), timeout_ms);
	tap_watch(ledger_tap(sweep->ledger, target->party), &strike, 1);
	status = ledger_end(sweep->ledger);
	strikes_note(sweep, target, &strike, status, ledger_violation(sweep->ledger, status));
	strikes_clean(sweep);
}

void strikes_at_all(struct strikes *sweep, struct strike strike)
{
	for (size_t i = 0; i < sweep->n_targets; i++)
		strikes_at(sweep, &sweep->targets[i], strike, 0);
}

static bool is_wanted(size_t byte, size_t size, size_t some)
{
	return some == 0 || byte <= WIRE_HEADER || byte == size - 1 ||
	       byte % (size / some + 1) == 0;
}

void strikes_truncate_all(struct strikes *sweep, size_t some)
{
	for (size_t i = 0; i < sweep->n_targets; i++) {
		const struct target *target = &sweep->targets[i];

		for (size_t byte = 1; byte < target->heard.size; byte++)
			if (is_wanted(byte, target->heard.size, some))
				strikes_at(sweep, target,
					   (struct strike){ .kind = STRIKE_TRUNCATE,
							    .bytes = byte },
					   0);
	}
}
