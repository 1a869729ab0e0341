/*
 * The recovery scan's question, asked by a store of somebody else's.
 */
#include "base/error.h"
#include "recovery/explain.h"
#include "recovery/scan.h"

static int answer(const struct txn_gid *parts, const struct resolution *resolution,
		  const struct resolve_how *how)
{
	const char *decider = resolution->decider ? resolution->decider->name : NULL;
	struct explanation texts;

	if (resolution->verdict == SQLA_VERDICT_COMMIT)
		return SQLA_OK;
	explain(parts, resolution, how, NULL, SQLA_PENDING, &texts);
	if (resolution->verdict == SQLA_VERDICT_ROLLBACK)
		return error_set(SQLA_EABORTED, decider, "Roll the branch back.", "%s",
				 texts.evidence);
	return error_set(SQLA_EINDOUBT, decider, texts.remedy, "%s", texts.evidence);
}

int sqla_outcome(const char *gid, int (*still_prepared)(void *arg), void *arg)
{
	static const struct resolve_how how;
	struct parties all = { 0 };
	struct resolution resolution;
	struct txn_gid parts;
	int status;

	if (!gid || !still_prepared)
		return error_set(SQLA_EMISUSE, NULL, NULL, "sqla_outcome: an argument is NULL");
	status = txn_gid_parse(gid, &parts);
	if (status < 0)
		return status;
	status = parties_open(&all, NULL, NULL);
	if (status == 0) {
		resolve_decision(&all, &parts, &how, still_prepared, arg, &resolution);
		status = answer(&parts, &resolution, &how);
	}
	parties_release(&all);
	return status;
}
