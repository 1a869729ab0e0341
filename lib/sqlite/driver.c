#include "sqlite/driver.h"

#include "sqlite/branch.h"
#include "sqlite/connect.h"
#include "sqlite/doctor.h"
#include "sqlite/error.h"
#include "sqlite/exec.h"
#include "sqlite/group.h"
#include "sqlite/leftover.h"
#include "sqlite/look.h"
#include "sqlite/orphan.h"
#include "sqlite/site.h"
#include "sqlite/transact.h"

const struct driver lite_driver = {
	.name = "sqlite",
	.claims_url = lite_claims_url,
	.resolve_url = lite_resolve_url,
	.check = lite_check,
	.open = lite_open,
	.close = lite_close,
	.abandon = lite_abandon,
	.is_idle = lite_is_idle,
	.reset = lite_reset,
	.ping = lite_ping,
	.describe = lite_describe,
	.begin = lite_begin,
	.begin_now = lite_begin_now,
	.execute = lite_execute,
	.rollback = lite_rollback,
	.savepoint = lite_savepoint,
	.cancel = lite_cancel,
	.native = lite_native,
	.is_transient = lite_is_transient,
	.abilities = lite_abilities,
	.why_not = lite_why_not,
	.ask = lite_ask,
	.advance = lite_advance,
	.give_up = lite_give_up,
	.commit = lite_commit,
	.prepare = lite_prepare,
	.commit_prepared = lite_commit_prepared,
	.rollback_prepared = lite_rollback_prepared,
	.site = lite_site,
	.is_open_to_looks = lite_is_open_to_looks,
	.claim = lite_claim,
	.decide = lite_decide,
	.follow = lite_follow,
	.outcome = lite_outcome,
	.look = lite_look,
	.look_at_all = lite_look_at_all,
	.list_prepared = lite_list_prepared,
	.is_prepared = lite_is_prepared,
	.end_prepared = lite_end_prepared,
	.list_rows = lite_list_rows,
	.forget_rows = lite_forget_rows,
	.purge_tombstones = lite_purge_tombstones,
	.leftovers = lite_leftovers,
	.tidy = lite_tidy,
	.apart = lite_apart,
	.doctor = lite_doctor,
	.doctor_sql = lite_doctor_sql,
};
