#include "recovery/puppet.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "support/alloc.h"
#include "support/must.h"

struct puppet puppets[PUPPETS];
static struct party parties[PUPPETS];

static struct puppet *of(const struct party *party)
{
	return &puppets[party->name[0] - 'a'];
}

static int say(int status)
{
	return status < 0 ? error_set(status, "puppet", NULL, "it was told to fail") : status;
}

/* Memory runs out for whom it lists to. */
static void run_short(const struct puppet *p)
{
	if (p->fails_at)
		alloc_fail_at(p->fails_at, false);
}

static int list(struct party *party, driver_prepared_fn *fn, void *arg)
{
	struct puppet *p = of(party);
	int status = 0;

	p->listed++;
	for (size_t i = 0; status == 0 && p->prepared[i]; i++) {
		const struct driver_prepared prepared = { .gid = p->prepared[i],
							  .owner = "",
							  .database = "",
							  .is_endable = true };

		run_short(p);
		status = fn(arg, &prepared);
		(void)alloc_stop();
	}
	return status < 0 ? status : say(p->list_status);
}

static int is_prepared(struct party *party, const char *gid)
{
	const struct puppet *p = of(party);

	for (size_t i = 0; p->prepared[i]; i++)
		if (strcmp(p->prepared[i], gid) == 0)
			return 1;
	return 0;
}

static bool is_lost(const struct party *party)
{
	return of(party)->is_lost;
}

static enum driver_look_result look(struct party *party, struct driver_look *look)
{
	(void)snprintf(look->evidence, sizeof(look->evidence), "%s was looked at", party->name);
	return of(party)->look;
}

static int list_rows(struct party *party, driver_row_fn *fn, void *arg)
{
	const struct puppet *p = of(party);
	int status = 0;

	for (size_t i = 0; status == 0 && i < p->n_rows; i++) {
		run_short(p);
		status = fn(arg, &p->rows[i]);
		(void)alloc_stop();
	}
	return status < 0 ? status : say(p->rows_status);
}

static int forget_rows(struct party *party, const char *const uuids[], size_t n)
{
	struct puppet *p = of(party);

	(void)uuids;
	if (p->forget_status == 0)
		p->forgotten += (int)n;
	return say(p->forget_status);
}

static const struct party_ops ops = {
	.list = list,
	.is_prepared = is_prepared,
	.is_lost = is_lost,
	.look = look,
	.list_rows = list_rows,
	.forget_rows = forget_rows,
};

struct parties puppets_init(void)
{
	memset(puppets, 0, sizeof(puppets));
	for (int i = 0; i < PUPPETS; i++) {
		parties[i] = (struct party){ .ops = &ops, .is_reachable = true };
		(void)snprintf(parties[i].name, sizeof(parties[i].name), "%c", 'a' + i);
		(void)snprintf(parties[i].site, sizeof(parties[i].site), "site-%c", 'a' + i);
		puppets[i].look = LOOK_UNKNOWN;
	}
	return (struct parties){ .items = parties, .n = PUPPETS };
}

char *puppet_gid(const char *uuid, unsigned number)
{
	char gid[TXN_GID_MAX + 1];

	if (txn_gid_format(gid, uuid, number, "site-a", "a") < 0)
		must_fail("gid: %s", sqla_error_last()->message);
	return must_printf("%s", gid);
}
