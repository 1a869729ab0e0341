#include "drill-crew.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drill-errand.h"
#include "drill-worker.h"
#include "moment.h"

enum {
	MEASURED_TRANSFERS = 12,
	MEASURE_S = 120,
	POLL_US = 200,
	RANDOM_US = 60000, /* a worker lives for that long at most, by plan */
	PATIENCE_US = 3000000,
};

/* ---- fault points ------------------------------------------------------------- */

static void count_point(struct drill_crew *crew, const char *name)
{
	for (int i = 0; i < crew->n_points; i++) {
		if (strcmp(crew->points[i].name, name) == 0) {
			crew->points[i].passes++;
			return;
		}
	}
	if (crew->n_points < DRILL_POINTS) {
		struct drill_point *point = &crew->points[crew->n_points++];

		(void)snprintf(point->name, sizeof(point->name), "%s", name);
		point->passes = 1;
	}
}

static void read_points(struct drill_crew *crew, FILE *file)
{
	char line[64];

	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		count_point(crew, line);
	}
}

int drill_crew_measure(struct drill_crew *crew)
{
	char path[64];
	FILE *file = tmpfile();
	struct drill_worker worker = { .threads = 1,
				       .seed = crew->seed,
				       .transfers = MEASURED_TRANSFERS };
	int status;

	if (!file)
		return SQLA_ENOMEM;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fileno(file));
	worker.passed = path;
	status = errand_run(crew->ledger, worker_run, &worker, MEASURE_S);
	if (status >= 0)
		read_points(crew, file);
	(void)fclose(file);
	return status;
}

/* ---- starting ------------------------------------------------------------------- */

static enum drill_plan choose_plan(const struct drill_crew *crew)
{
	if (crew->lives % 10 == 9)
		return PLAN_FREEZE;
	if (crew->n_points > 0 && crew->lives % 2 == 0)
		return PLAN_POINT;
	return crew->lives % 4 == 3 ? PLAN_RANDOM : PLAN_COMMIT;
}

/* All points in turn, each at one of its first passes. */
static char *choose_fault(struct drill_crew *crew, int nth)
{
	const int i = crew->next_point++ % crew->n_points;
	const struct drill_point *point = &crew->points[i];
	char *fault;

	crew->workers[nth].point = i;
	if (asprintf(&fault, "%s:kill:%d", point->name, rand_r(&crew->seed) % point->passes) < 0)
		return NULL;
	return fault;
}

static int hire(struct drill_crew *crew, int nth)
{
	struct drill_worker worker = { .number = nth,
				       .life = ++crew->lives,
				       .threads = crew->threads,
				       .seed = (unsigned)rand_r(&crew->seed) };
	char *fault = NULL;

	crew->workers[nth].plan = choose_plan(crew);
	if (crew->workers[nth].plan == PLAN_POINT)
		fault = choose_fault(crew, nth);
	worker.fault = fault;
	for (int i = 0; i < DRILL_THREADS; i++)
		atomic_store(&crew->ledger->at[nth][i], -1);
	crew->workers[nth].pid = errand_start(crew->ledger, worker_run, &worker);
	free(fault);
	if (crew->workers[nth].pid > 0)
		return 0;
	crew->workers[nth].pid = 0;
	return -1;
}

int drill_crew_hire(struct drill_crew *crew)
{
	for (int i = 0; i < DRILL_WORKERS; i++)
		if (crew->workers[i].pid == 0 && hire(crew, i) < 0)
			return -1;
	return 0;
}

/* ---- ending ----------------------------------------------------------------------- */

static void note_death(struct drill_crew *crew, int nth, int wait_status)
{
	const enum drill_plan plan = crew->workers[nth].plan;

	crew->workers[nth].pid = 0;
	if (!WIFSIGNALED(wait_status))
		return;
	crew->kills++;
	crew->by_plan[plan]++;
	if (plan == PLAN_POINT)
		crew->points[crew->workers[nth].point].kills++;
}

/* 1: somebody is dead, who is reaped; -1: somebody gave up. */
static int reap(struct drill_crew *crew)
{
	int found = 0;

	for (int i = 0; i < DRILL_WORKERS; i++) {
		int status;

		if (crew->workers[i].pid == 0 ||
		    waitpid(crew->workers[i].pid, &status, WNOHANG) == 0)
			continue;
		note_death(crew, i, status);
		if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
			return -1;
		found = 1;
	}
	return found;
}

/* What the library does inside a commit is not seen from outside: a moment of
 * about its length decides how far it gets. */
static int64_t aim(struct drill_crew *crew)
{
	const int64_t length = atomic_load(&crew->ledger->commit_us);

	return rand_r(&crew->seed) % (length + length / 4 + 50);
}

static bool is_committing(const struct drill_crew *crew, int nth)
{
	const struct drill_ledger *ledger = crew->ledger;

	for (int i = 0; i < crew->threads; i++) {
		const int64_t id = atomic_load(&ledger->at[nth][i]);

		if (id >= 0 && atomic_load(&ledger->transfers[id].step) == STEP_COMMITTING)
			return true;
	}
	return false;
}

/* Waits for the moment of worker NTH: 1 it has come, 0 somebody is dead, -1. */
static int await(struct drill_crew *crew, int nth)
{
	const enum drill_plan plan = crew->workers[nth].plan;
	const int64_t began = moment_us();
	const int64_t moment = plan == PLAN_RANDOM ? rand_r(&crew->seed) % RANDOM_US : PATIENCE_US;

	while (moment_us() - began < moment && !moment_is_stopped()) {
		const int found = reap(crew);

		if (found != 0)
			return found < 0 ? -1 : 0;
		if ((plan == PLAN_COMMIT || plan == PLAN_FREEZE) && is_committing(crew, nth)) {
			moment_sleep_us(aim(crew));
			break;
		}
		moment_sleep_us(POLL_US);
	}
	return 1;
}

int drill_crew_strike(struct drill_crew *crew, int nth)
{
	const bool is_freeze = crew->workers[nth].plan == PLAN_FREEZE;
	const int found = await(crew, nth);
	int status;

	if (found <= 0)
		return found;
	(void)kill(crew->workers[nth].pid, is_freeze ? SIGSTOP : SIGKILL);
	while (waitpid(crew->workers[nth].pid, &status, is_freeze ? WUNTRACED : 0) < 0)
		;
	if (WIFSTOPPED(status)) {
		crew->by_plan[PLAN_FREEZE]++;
		return 1;
	}
	if (is_freeze)
		crew->workers[nth].plan = PLAN_RANDOM;
	note_death(crew, nth, status);
	return 0;
}

/* It wakes up, and dies in its next turn. */
void drill_crew_thaw(struct drill_crew *crew, int nth)
{
	(void)kill(crew->workers[nth].pid, SIGCONT);
	crew->workers[nth].plan = PLAN_COMMIT;
}

void drill_crew_kill_all(struct drill_crew *crew)
{
	for (int i = 0; i < DRILL_WORKERS; i++)
		if (crew->workers[i].pid > 0)
			(void)kill(crew->workers[i].pid, SIGKILL);
	for (int i = 0; i < DRILL_WORKERS; i++) {
		int status;

		if (crew->workers[i].pid == 0)
			continue;
		while (waitpid(crew->workers[i].pid, &status, 0) < 0)
			;
		/* Its plan did not come true. */
		crew->workers[i].plan = PLAN_RANDOM;
		note_death(crew, i, status);
	}
}
