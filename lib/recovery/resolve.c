#include "recovery/resolve.h"

#include <stdio.h>
#include <string.h>

enum sqla_verdict resolve_verdict(enum driver_look_result result)
{
	switch (result) {
	case LOOK_COMMITTED:
		return SQLA_VERDICT_COMMIT;
	case LOOK_ABORTED:
		return SQLA_VERDICT_ROLLBACK;
	case LOOK_OPEN:
		return SQLA_VERDICT_OPEN;
	case LOOK_UNKNOWN:
		break;
	}
	return SQLA_VERDICT_UNKNOWN;
}

/* I6: the decider may be any of those who could not be asked. */
static void nobody_found(const struct parties *all, const char *name, struct resolution *ret)
{
	ret->decider = parties_unreachable(all, name);
	ret->cause = ret->decider ? CAUSE_UNREACHABLE : CAUSE_NO_ENGINE;
	ret->verdict = SQLA_VERDICT_UNKNOWN;
}

/*
 * A database may be registered under several names, with different rights:
 * each is asked until one can say. A copy with the same site must not be
 * asked at all, nor the original beside it (I6).
 */
void resolve_decision(const struct parties *all, const struct txn_gid *parts,
		      const struct resolve_how *how, txn_still_prepared_fn *still_prepared,
		      void *arg, struct resolution *ret)
{
	struct driver_look look = {
		.uuid = parts->uuid,
		.site = parts->site,
		.still_prepared = still_prepared,
		.arg = arg,
		.dry_run = how->dry_run,
		.fence_s = how->fence_s,
	};
	struct party *p = NULL;

	*ret = (struct resolution){ .verdict = SQLA_VERDICT_UNKNOWN };
	while ((p = parties_next_at(all, p, parts->site))) {
		ret->decider = p;
		if (p->has_double) {
			ret->cause = CAUSE_DOUBLE;
			return;
		}
		if (!p->ops->look)
			continue;
		ret->cause = CAUSE_LOOKED;
		ret->verdict = resolve_verdict(party_look(p, &look));
		(void)snprintf(ret->evidence, sizeof(ret->evidence), "%s", look.evidence);
		if (ret->verdict != SQLA_VERDICT_UNKNOWN)
			return;
	}
	if (ret->evidence[0] == '\0')
		nobody_found(all, parts->name, ret);
}

static int still_prepared(void *arg)
{
	struct doubt *doubt = arg;

	return party_is_prepared(doubt->party, doubt->gid);
}

static void leave(struct resolution *ret, enum sqla_verdict verdict, enum resolution_cause cause)
{
	*ret = (struct resolution){ .verdict = verdict, .cause = cause };
}

bool resolve_wants_look(const struct doubt *doubt, const struct resolve_how *how)
{
	return doubt->party->is_reachable && doubt->is_endable && doubt->age_s >= how->grace_s;
}

void resolve_doubt(const struct parties *all, struct doubt *doubt, const struct resolve_how *how,
		   struct resolution *ret)
{
	const char *here = doubt->party->identity.database;

	if (!doubt->party->is_reachable)
		leave(ret, SQLA_VERDICT_UNKNOWN, CAUSE_LOST);
	else if (!doubt->is_endable)
		leave(ret, SQLA_VERDICT_FOREIGN,
		      strcmp(doubt->database, here) == 0 ? CAUSE_OWNER : CAUSE_DATABASE);
	else if (doubt->age_s < how->grace_s)
		leave(ret, SQLA_VERDICT_YOUNG, CAUSE_YOUNG);
	else
		resolve_decision(all, &doubt->parts, how, still_prepared, doubt, ret);
}
