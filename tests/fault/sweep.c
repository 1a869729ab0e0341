#include "fault/sweep.h"

#include <inttypes.h>
#include <sqlassist/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support/cluster.h"
#include "support/must.h"
#include "support/scratch.h"
#include "support/test.h"

const struct scenario scenarios[] = {
	{ "two_servers", "ab", NULL, NULL },
	{ "two_servers_that_keep_decisions", "ab", "-k", NULL },
	{ "two_servers_deferred", "ab", "-d", NULL },
	{ "server_and_file", "al", NULL, NULL },
	{ "server_and_file_that_keep_decisions", "al", "-k", NULL },
	{ "server_and_wal_file", "aw", NULL, NULL },
	{ "three_branches", "abl", NULL, NULL },
	{ "three_branches_deferred", "abl", "-d", NULL },
	{ "one_server", "a", NULL, NULL },
	{ "one_server_with_row", "a", "-x", NULL },
	{ "one_server_with_row_that_keeps_it", "a", "-kx", NULL },
	{ "one_file", "l", NULL, NULL },
	{ "one_wal_file_with_row", "w", "-x", NULL },
	{ "two_files", "lm", NULL, NULL },
	{ "server_and_two_files", "alm", NULL, NULL },
	{ "server_and_two_wal_files", "avw", NULL, NULL },
	{ "server_file_and_wal_file", "alw", NULL, NULL },
	{ "server_and_two_files_file_refuses", "alm", NULL, "m" },
	{ "two_servers_preparer_refuses", "ab", NULL, "a" },
	{ "two_servers_decider_refuses", "ab", NULL, "b" },
	{ "server_and_file_server_refuses", "al", NULL, "a" },
	{ "server_and_file_file_refuses", "al", NULL, "l" },
	{ "three_branches_one_refuses", "abl", NULL, "b" },
	{ "one_server_refuses", "a", NULL, "a" },
	{ NULL, NULL, NULL, NULL },
};

const char *const point_names[] = {
#define FAULT_POINT(name, text) #name,
#include "base/faultpoints.def"
#undef FAULT_POINT
	NULL,
};

const struct scenario *scenario_get(const char *name)
{
	for (const struct scenario *s = scenarios; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	must_fail("no scenario %s", name);
}

int point_number(const char *point)
{
	for (int i = 0; point_names[i]; i++)
		if (strcmp(point_names[i], point) == 0)
			return i;
	must_fail("no fault point %s", point);
}

/* ---- passes -------------------------------------------------------------- */

struct pass *passes_read(const char *path, size_t *ret_n)
{
	int seen[sizeof(point_names) / sizeof(point_names[0])] = { 0 };
	FILE *file = fopen(path, "re");
	struct pass *passes = NULL;
	char line[128];
	size_t n = 0;

	while (file && fgets(line, sizeof(line), file)) {
		int number;

		line[strcspn(line, "\n")] = '\0';
		number = point_number(line);
		passes = reallocarray(passes, n + 1, sizeof(*passes));
		if (!passes)
			must_fail("out of memory");
		passes[n].point = point_names[number];
		passes[n++].nth = seen[number]++;
	}
	if (file)
		(void)fclose(file);
	*ret_n = n;
	return passes;
}

char *pass_fault(const struct pass *pass, const char *action)
{
	return must_printf("%s:%s:%d", pass->point, action, pass->nth);
}

bool sweep_is_long(void)
{
	return getenv("SQLA_TEST_LONG") != NULL;
}

int sweep_rounds(int long_rounds)
{
	return sweep_is_long() ? long_rounds : 1;
}

size_t sweep_stride(size_t usual)
{
	return sweep_is_long() ? 1 : usual;
}

/* ---- a sweep ------------------------------------------------------------- */

void sweep_start(struct sweep *sweep, const char *suite, const struct scenario *scenario,
		 int transfers)
{
	char *name = must_printf("%s_%s", suite, scenario->name);

	/* Whole lines: tests that run at once write into one log. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	memset(sweep, 0, sizeof(*sweep));
	sweep->scenario = scenario;
	sweep->bank = bank_new(name, scenario->kinds);
	sweep->transfers = transfers;
	sweep->next_id = 1;
	sweep->passed = scratch_path(name);
	free(name);
}

static bool is_one_phase(const struct scenario *scenario)
{
	return strlen(scenario->kinds) == 1 && !(scenario->option && strchr(scenario->option, 'x'));
}

void sweep_start_apart(struct sweep *sweep, const struct scenario *scenario, int transfers)
{
	/* What the protocol does not make durable is lost in a crash; an ordinary
	 * commit is as durable as the server is told to make it. */
	const char *conf =
		is_one_phase(scenario) ? NULL : "synchronous_commit = off\nwal_writer_delay = 10s";
	struct cluster *servers[] = { cluster_start("a", conf), NULL };

	if (strchr(scenario->kinds, 'b'))
		servers[1] = cluster_start("b", conf);
	sweep_start(sweep, "apart", scenario, transfers);
	memcpy(sweep->servers, servers, sizeof(servers));
}

struct cluster *sweep_server(const struct sweep *sweep, char kind)
{
	return sweep->servers[kind == 'b'];
}

void sweep_end(struct sweep *sweep)
{
	printf("longest %" PRId64 " ms from a crash to nothing in doubt\n", sweep->settled_ms);
	bank_free(sweep->bank);
	cluster_free(sweep->servers[0]);
	cluster_free(sweep->servers[1]);
	free(sweep->passed);
	free(sweep->passes);
}

struct child *sweep_coordinator(struct sweep *sweep, const char *fault, const char *passed)
{
	const struct scenario *s = sweep->scenario;
	int64_t id = sweep->next_id;

	sweep->next_id += sweep->transfers;
	return bank_start(sweep->bank, fault, passed, s->option, "transfer %" PRId64 " %d%s%s", id,
			  sweep->transfers, s->veto ? " " : "", s->veto ? s->veto : "");
}

struct child *sweep_recoverer(struct sweep *sweep, const char *option, const char *fault,
			      const char *passed)
{
	return bank_start(sweep->bank, fault, passed, option ? option : sweep->scenario->option,
			  "recover");
}

void sweep_take_passes(struct sweep *sweep)
{
	free(sweep->passes);
	sweep->passes = passes_read(sweep->passed, &sweep->n_passes);
	(void)unlink(sweep->passed);
	cr_assert(gt(sz, sweep->n_passes, 0),
		  "no fault point was passed: configure with --enable-fault-points");
}

void sweep_measure(struct sweep *sweep)
{
	static const char step[] = "undisturbed run";

	for (int run = 0; run < 2; run++) {
		struct child *c = sweep_coordinator(sweep, NULL, sweep->passed);

		sweep_expect(sweep, step, c, CHILD_ENDED);
		sweep_must_agree(sweep, step, c);
		child_free(c);
		sweep_take_passes(sweep);
	}
}

struct child *sweep_leave_behind(struct sweep *sweep, const char *point)
{
	char *fault = must_printf("%s:kill", point);
	struct child *c = NULL;

	for (int i = 0; i == 0 || i < sweep->n_left; i++) {
		child_free(c);
		c = sweep_coordinator(sweep, fault, NULL);
		sweep_expect(sweep, fault, c, CHILD_KILLED);
		bank_wait_quiet(sweep->bank);
	}
	free(fault);
	return c;
}

void sweep_measure_recovery(struct sweep *sweep, const char *point)
{
	struct child *dead = sweep_leave_behind(sweep, point);
	struct child *c = sweep_recoverer(sweep, NULL, NULL, sweep->passed);

	sweep_expect(sweep, point, c, CHILD_ENDED);
	child_free(c);
	sweep_must_agree(sweep, point, dead);
	child_free(dead);
	sweep_take_passes(sweep);
}

/* ---- after it ------------------------------------------------------------ */

void sweep_expect(const struct sweep *sweep, const char *step, struct child *c,
		  enum child_state expected)
{
	static const char *const states[] = { "ended", "was killed", "was stopped", "failed" };
	enum child_state state = child_wait(c);

	if (state != expected)
		sweep_report(sweep, step, c,
			     must_printf("the child %s, not %s", states[state], states[expected]));
}

int sweep_recover(struct sweep *sweep, const char *option)
{
	struct child *c = sweep_recoverer(sweep, option, NULL, NULL);
	int status;

	sweep_expect(sweep, "recovery", c, CHILD_ENDED);
	status = child_recovered(c);
	if (status < 0)
		sweep_report(sweep, "recovery", c, NULL);
	child_free(c);
	return status;
}

/* PENDING while a dead client's last message is under way, then OK. */
static char *recover_all(struct sweep *sweep)
{
	struct child *c;
	char *text = NULL;
	int status = sweep_recover(sweep, NULL);

	bank_wait_quiet(sweep->bank);
	if (status == SQLA_OK && bank_in_doubt(sweep->bank) == 0)
		return NULL;
	c = sweep_recoverer(sweep, NULL, NULL, NULL);
	if (child_wait(c) != CHILD_ENDED || child_recovered(c) != SQLA_OK)
		text = must_printf("with everybody gone recovery still says:\n%s", child_output(c));
	child_free(c);
	return text;
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

char *sweep_settle(struct sweep *sweep, struct child *c)
{
	const int64_t began = now_ms();
	const struct told *told = NULL;
	char *violation = recover_all(sweep);
	const int64_t took = now_ms() - began;
	size_t n = 0;

	if (took > sweep->settled_ms)
		sweep->settled_ms = took;

	if (c)
		told = child_told(c, &n);
	if (!violation)
		violation = bank_violation(sweep->bank, told, n);
	return violation;
}

void sweep_must_agree(struct sweep *sweep, const char *step, struct child *c)
{
	char *violation = sweep_settle(sweep, c);

	if (violation)
		sweep_report(sweep, step, c, violation);
}

void sweep_progress(const struct sweep *sweep, const char *step, struct child *c)
{
	size_t n;
	const struct told *told = child_told(c, &n);

	printf("%s: %s: agreed; told", sweep->scenario->name, step);
	for (size_t i = 0; i < n; i++)
		printf(" %d", told[i].status);
	printf("%s\n", n == 0 ? " nothing" : "");
}

void sweep_report(const struct sweep *sweep, const char *step, struct child *c, char *violation)
{
	char *text = must_printf("%s, %s: %s\n%s", sweep->scenario->name, step,
				 violation ? violation : "failed", c ? child_output(c) : "");

	free(violation);
	cr_fatal("%s", text);
}

int sweep_fate(const struct scenario *scenario, const char *point)
{
	static const char *const yes[] = {
		"decide_answered", "commit_decided",  "finish_before_send", "finish_after_send",
		"finish_answered", "finish_detached", "commit_finished",    "onephase_answered",
		"group_unlinked",  "group_decided",   "group_released"
	};
	static const char *const either[] = { "decide_after_send", "onephase_after_send",
					      "finish_late" };

	if (scenario->veto)
		return 0;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcmp(point, yes[i]) == 0)
			return 1;
	for (size_t i = 0; i < sizeof(either) / sizeof(either[0]); i++)
		if (strcmp(point, either[i]) == 0)
			return -1;
	/* Forgetting concerns earlier transfers, before or behind this one. */
	return strncmp(point, "forget_", 7) == 0 ? -1 : 0;
}
