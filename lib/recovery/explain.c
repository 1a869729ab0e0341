#include "recovery/explain.h"

#include <stdio.h>

#include "base/error.h"

#define RECOVER "`sqlassist recover`"

#define evidence(ret, ...) ((void)snprintf((ret)->evidence, sizeof((ret)->evidence), __VA_ARGS__))
#define remedy(ret, ...) ((void)snprintf((ret)->remedy, sizeof((ret)->remedy), __VA_ARGS__))

/* ---- nothing was looked at --------------------------------------------- */

static void explain_young(const struct doubt *doubt, const struct resolve_how *how,
			  struct explanation *ret)
{
	evidence(ret,
		 "It is %lld s old, within the grace period of %d s: its coordinator is "
		 "probably at work.",
		 (long long)doubt->age_s, how->grace_s);
	remedy(ret, "Nothing now: if it is still there in %lld s, " RECOVER " ends it.",
	       (long long)(how->grace_s - doubt->age_s));
}

static void explain_foreign(const struct doubt *doubt, const struct resolution *resolution,
			    struct explanation *ret)
{
	const struct party *party = doubt->party;

	if (resolution->cause == CAUSE_OWNER) {
		evidence(ret,
			 "It was prepared by the user \"%s\"; the user of engine \"%s\" may "
			 "not end it.",
			 doubt->owner, party->name);
		remedy(ret,
		       "Run " RECOVER " with an engine that connects to database \"%s\" as "
		       "\"%s\" or as a superuser.",
		       doubt->database, doubt->owner);
	} else {
		evidence(ret,
			 "It is prepared in the database \"%s\" of the same server; engine "
			 "\"%s\" is the database \"%s\".",
			 doubt->database, party->name, party->identity.database);
		remedy(ret,
		       "Run " RECOVER " with an engine that connects to database \"%s\", as "
		       "\"%s\" or as a superuser.",
		       doubt->database, doubt->owner);
	}
}

static void explain_lost(const struct party *party, struct explanation *ret)
{
	evidence(ret, "Its own database was lost meanwhile: %s.", party->reason);
	remedy(ret, "Make engine \"%s\" reachable; the next " RECOVER " goes on with it.",
	       party->name);
}

static void explain_unfound(const struct txn_gid *parts, const struct resolution *resolution,
			    struct explanation *ret)
{
	const struct party *other = resolution->decider;

	switch (resolution->cause) {
	case CAUSE_UNREACHABLE:
		evidence(ret,
			 "The decider, then called \"%s\", is none of the engines that "
			 "answer; engine \"%s\" does not: %s.",
			 parts->name, other->name, other->reason);
		remedy(ret, "Make engine \"%s\" reachable, then run " RECOVER ".", other->name);
		break;
	case CAUSE_DOUBLE:
		evidence(ret,
			 "Two databases say that they are site %s, one of them engine "
			 "\"%s\": one is a copy, and only the original knows the outcome.",
			 parts->site, other->name);
		remedy(ret, "Take the copy out of the configuration (`sqlassist doctor` names "
			    "both), then run " RECOVER ".");
		break;
	default:
		evidence(ret,
			 "No engine is the decider: none has the site %s, then called "
			 "\"%s\".",
			 parts->site, parts->name);
		remedy(ret,
		       "Run " RECOVER " with the database that was \"%s\" among its engines; "
		       "if it was restored from an older backup, see sqlassist-commit(7).",
		       parts->name);
	}
}

/* ---- the decider was looked at ----------------------------------------- */

static void remedy_of_look(const struct txn_gid *parts, const struct resolution *resolution,
			   struct explanation *ret)
{
	const char *decider = resolution->decider ? resolution->decider->name : parts->name;

	switch (resolution->verdict) {
	case SQLA_VERDICT_COMMIT:
		remedy(ret, "Run " RECOVER ": it commits the branch.");
		break;
	case SQLA_VERDICT_ROLLBACK:
		remedy(ret, "Run " RECOVER ": it rolls the branch back.");
		break;
	case SQLA_VERDICT_OPEN:
		remedy(ret,
		       "Wait: its coordinator may be alive and may still commit. If that "
		       "program is gone for good, " RECOVER " --fence 60 ends what it left open "
		       "in \"%s\". Do not end the branch by hand.",
		       decider);
		break;
	default:
		remedy(ret,
		       "Run `sqlassist doctor`, mend what it finds in engine \"%s\", then run " RECOVER
		       ". Do not end the branch by hand.",
		       decider);
	}
}

/* ---- how ending it went ------------------------------------------------ */

static void explain_end(const struct txn_gid *parts, const struct resolution *resolution,
			int status, struct explanation *ret)
{
	const char *done = resolution->verdict == SQLA_VERDICT_COMMIT ? "committed" : "rolled back";
	const struct sqla_error *error = sqla_error_last();

	if (status == SQLA_OK)
		remedy(ret, "Nothing: it was %s.", done);
	else if (status == SQLA_EMIXED)
		remedy(ret,
		       "Somebody ended this branch by hand, while the decision was that it be "
		       "%s: the databases disagree about transaction %s. Compare them and mend "
		       "the data by hand.",
		       done, parts->uuid);
	else
		remedy(ret, "It could not be %s: %s. %s", done, error->message,
		       error->hint[0] ? error->hint : "The next " RECOVER " tries again.");
}

void explain(const struct txn_gid *parts, const struct resolution *resolution,
	     const struct resolve_how *how, const struct doubt *doubt, int status,
	     struct explanation *ret)
{
	*ret = (struct explanation){ .evidence = "" };
	switch (resolution->cause) {
	case CAUSE_LOOKED:
		evidence(ret, "%s", resolution->evidence);
		remedy_of_look(parts, resolution, ret);
		break;
	case CAUSE_YOUNG:
		explain_young(doubt, how, ret);
		break;
	case CAUSE_OWNER:
	case CAUSE_DATABASE:
		explain_foreign(doubt, resolution, ret);
		break;
	case CAUSE_LOST:
		explain_lost(doubt->party, ret);
		break;
	default:
		explain_unfound(parts, resolution, ret);
	}
	if (status != SQLA_PENDING)
		explain_end(parts, resolution, status, ret);
}
