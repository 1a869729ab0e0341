#include "panel/words.h"

#define N(words) (sizeof(words) / sizeof((words)[0]))

static struct word pick(const struct word words[], size_t n, size_t i)
{
	return i < n && words[i].name ? words[i] : (struct word){ "unknown", "" };
}

struct word word_of_request_state(enum sqla_request_state state)
{
	static const struct word words[] = {
		[SQLA_REQUEST_INIT] = { "INIT", "this request has not touched it" },
		[SQLA_REQUEST_START] = { "START", "touched: this request has a session on it" },
		[SQLA_REQUEST_END] = { "END", "the request is over, its session was removed" },
	};

	return pick(words, N(words), state);
}

struct word word_of_txn_state(enum txn_state state)
{
	static const struct word words[] = {
		[TXN_ACTIVE] = { "active", "work goes on" },
		[TXN_DOOMED] = { "doomed", "it can only be aborted" },
		[TXN_COMMITTING] = { "committing", "the commit is under way" },
		[TXN_COMMITTED] = { "committed", "it is decided and durable" },
		[TXN_FAILED] = { "failed", "something failed: it can only be aborted" },
		[TXN_ABORTED] = { "aborted", "it was rolled back" },
	};

	return pick(words, N(words), state);
}

struct word word_of_phase(enum branch_phase phase)
{
	static const struct word words[] = {
		[BRANCH_WORKING] = { "working", "a crash now rolls it back" },
		[BRANCH_UNCHANGED] = { "unchanged", "has nothing to commit" },
		[BRANCH_CHANGED] = { "changed", "a crash now rolls it back" },
		[BRANCH_PREPARED] = { "prepared", "a crash now leaves it in doubt" },
		[BRANCH_UNKNOWN] = { "unknown", "recovery finds out how it ended" },
		[BRANCH_ENDED] = { "ended", "committed or rolled back" },
	};

	return pick(words, N(words), phase);
}

struct word word_of_verdict(enum sqla_verdict verdict)
{
	static const struct word words[] = {
		[SQLA_VERDICT_COMMIT] = { "commit", "the decision is there" },
		[SQLA_VERDICT_ROLLBACK] = { "rollback", "it can never commit" },
		[SQLA_VERDICT_OPEN] = { "open", "its coordinator may be alive" },
		[SQLA_VERDICT_UNKNOWN] = { "unknown", "it could not be said" },
		[SQLA_VERDICT_YOUNG] = { "young", "its coordinator is probably at work" },
		[SQLA_VERDICT_FOREIGN] = { "foreign", "not ours to end" },
	};

	return pick(words, N(words), verdict);
}

struct word word_of_outcome(enum observe_outcome outcome)
{
	static const struct word words[] = {
		[OBSERVE_COMMITTED] = { "committed", "on every database" },
		[OBSERVE_PENDING] = { "pending", "committed; recovery tells a branch" },
		[OBSERVE_MIXED] = { "mixed", "a branch was ended by hand, the other way" },
		[OBSERVE_IN_DOUBT] = { "in doubt", "recovery finds out whether it committed" },
		[OBSERVE_REFUSED] = { "refused", "the commit failed: nothing is committed" },
		[OBSERVE_ROLLED_BACK] = { "rolled back", "by the application" },
	};

	return pick(words, N(words), outcome);
}
