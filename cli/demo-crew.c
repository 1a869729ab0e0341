#include "demo-crew.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlassist.h>

#include "demo-shop.h"
#include "demo-worker.h"

/* What recovery did with the branch of a worker that was killed. */
enum ending { ENDED_BY_ITSELF = 0, ENDED_ROLLED_BACK, ENDED_COMMITTED };

struct kill {
	enum worker_step step;
	char uuid[40]; /* of its transaction, in WORKER_COMMITTING; else "" */
	enum ending ending;
};

struct crew {
	const char *ledger_url;
	bool naive;
	struct worker_page *page;
	pid_t pids[WORKERS]; /* 0: none */
	struct kill *kills;
	int n_kills;
	int n_recovered;
};

struct crew *crew_new(const char *ledger_url, bool naive)
{
	struct crew *crew = calloc(1, sizeof(*crew));

	if (!crew)
		return NULL;
	crew->ledger_url = ledger_url;
	crew->naive = naive;
	crew->page = worker_page_map(true);
	if (!crew->page) {
		crew_free(crew);
		return NULL;
	}
	atomic_store(&crew->page->sales_at_once, 1);
	return crew;
}

static void reap_killed(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void crew_free(struct crew *crew)
{
	if (!crew)
		return;
	for (int i = 0; i < WORKERS; i++) {
		if (crew->pids[i] == 0)
			continue;
		kill(crew->pids[i], SIGKILL);
		reap_killed(crew->pids[i]);
	}
	worker_page_unmap(crew->page);
	free(crew->kills);
	free(crew);
}

/* ---- hiring -------------------------------------------------------------- */

/* In a child: becomes worker NUMBER, by running this program anew. */
static _Noreturn void become(const struct crew *crew, int number, pid_t parent)
{
	char option[32];
	char *const argv[] = { "sqlassist",
			       "demo",
			       option,
			       "--ledger",
			       (char *)(uintptr_t)crew->ledger_url,
			       crew->naive ? "--naive" : NULL,
			       NULL };

	snprintf(option, sizeof(option), "--worker=%d", number);
	/* Out of the terminal's reach: Ctrl-C is for the demo itself. And nobody
	 * is left behind when that is killed. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	execv("/proc/self/exe", argv);
	perror("sqlassist demo: /proc/self/exe");
	_exit(1);
}

int crew_hire(struct crew *crew)
{
	const pid_t parent = getpid();

	for (int i = 0; i < WORKERS; i++) {
		pid_t pid;

		if (crew->pids[i] != 0)
			continue;
		atomic_store(&crew->page->slots[i].step, (int)WORKER_STARTING);
		pid = fork();
		if (pid == 0)
			become(crew, i, parent);
		if (pid < 0) {
			perror("sqlassist demo: cannot start a worker");
			return -1;
		}
		crew->pids[i] = pid;
	}
	return 0;
}

int crew_reap(struct crew *crew)
{
	int found_empty = 0;

	for (int i = 0; i < WORKERS; i++) {
		int status;

		if (crew->pids[i] == 0 || waitpid(crew->pids[i], &status, WNOHANG) == 0)
			continue;
		crew->pids[i] = 0;
		if (status != 0)
			return -1;
		found_empty = 1;
	}
	return found_empty;
}

int crew_size(const struct crew *crew)
{
	int size = 0;

	for (int i = 0; i < WORKERS; i++)
		size += crew->pids[i] != 0;
	return size;
}

/* ---- killing ------------------------------------------------------------- */

/* The page is read when the worker can write it no more. */
static void remember(struct crew *crew, const struct worker_slot *slot)
{
	struct kill *kills, *last;

	kills = reallocarray(crew->kills, (size_t)crew->n_kills + 1, sizeof(*kills));
	if (!kills)
		return;
	crew->kills = kills;
	last = &kills[crew->n_kills++];
	*last = (struct kill){ .step = (enum worker_step)atomic_load(&slot->step) };
	if (last->step == WORKER_COMMITTING)
		memcpy(last->uuid, slot->uuid, sizeof(last->uuid));
}

/* Most workers wait for the till at any moment; those who do not are preferred
 * by three draws, so that more than waiting gets interrupted. */
static int choose_victim(const struct crew *crew)
{
	int one = 0;

	for (int draws = 0; draws < 3; draws++) {
		one = (int)(random() % WORKERS);
		if (atomic_load(&crew->page->slots[one].step) != WORKER_READING)
			break;
	}
	return one;
}

void crew_kill(struct crew *crew, bool all)
{
	const int one = choose_victim(crew);

	/* All signals first, so that "at once" is true. */
	for (int i = 0; i < WORKERS; i++) {
		if (crew->pids[i] != 0 && (all || i == one))
			kill(crew->pids[i], SIGKILL);
	}
	for (int i = 0; i < WORKERS; i++) {
		if (crew->pids[i] == 0 || (!all && i != one))
			continue;
		reap_killed(crew->pids[i]);
		crew->pids[i] = 0;
		remember(crew, &crew->page->slots[i]);
	}
}

/* ---- recovering ---------------------------------------------------------- */

static void note_branch(const struct sqla_in_doubt *branch, void *arg)
{
	struct crew *crew = arg;

	if (branch->status != SQLA_OK)
		return;
	for (int i = crew->n_kills - 1; i >= 0; i--) {
		struct kill *kill = &crew->kills[i];

		if (strcmp(kill->uuid, branch->uuid) != 0)
			continue;
		kill->ending = branch->verdict == SQLA_VERDICT_COMMIT ? ENDED_COMMITTED :
									ENDED_ROLLED_BACK;
		crew->n_recovered++;
		return;
	}
}

int crew_recover(struct crew *crew)
{
	/* No grace: who is found in doubt may be alive and in the middle of its
	 * commit. Recovery must cope, and here is the place to show it. */
	const struct sqla_recover_options options = { .grace_s = -1 };
	int r = sqla_recover(&options, note_branch, crew, NULL);

	if (r < 0)
		return shop_complain("recovery failed", r);
	return r == SQLA_PENDING;
}

void crew_set_sales_at_once(struct crew *crew, int sales)
{
	atomic_store(&crew->page->sales_at_once, sales);
}

/* ---- accounting ---------------------------------------------------------- */

enum fate {
	FATE_STARTING,
	FATE_READING,
	FATE_WRITING,
	FATE_NAIVE,
	FATE_UNPREPARED,
	FATE_UNDECIDED,
	FATE_DECIDED,
	FATE_DONE,
	FATES
};

struct fate_text {
	const char *where, *then;
};

static const struct fate_text fates[FATES] = {
	[FATE_STARTING] = { "starting, connecting", "nothing had begun" },
	[FATE_READING] = { "waiting for the till, reading", "nothing was written" },
	[FATE_WRITING] = { "writing, before the commit", "the databases rolled back" },
	[FATE_NAIVE] = { "in the two commits, or between", "WHO KNOWS?" },
	[FATE_UNPREPARED] = { "in txn_commit, nothing prepared yet", "the databases rolled back" },
	[FATE_UNDECIDED] = { "in txn_commit, prepared, not decided", "recovery rolled back" },
	[FATE_DECIDED] = { "in txn_commit, decided, ledger untold", "recovery committed" },
	[FATE_DONE] = { "in txn_commit, both had committed", "all was done" },
};

/* Of two files, where recovery has no branch to end. */
static const struct fate_text fates_of_files[FATES] = {
	[FATE_STARTING] = { "starting, opening the files", "nothing had begun" },
	[FATE_READING] = { "waiting for the till, reading", "nothing was written" },
	[FATE_WRITING] = { "writing, before the commit", "nothing is left of it" },
	[FATE_NAIVE] = { "in the two commits, or between", "WHO KNOWS?" },
	[FATE_UNPREPARED] = { "in txn_commit, before the decision", "both files rolled back" },
	[FATE_DONE] = { "in txn_commit, after the decision", "both files committed" },
};

/* A fate, or negative. */
static int fate_of(const struct kill *kill)
{
	static const enum fate by_step[] = { FATE_STARTING, FATE_READING, FATE_WRITING };
	int r;

	if (kill->step != WORKER_COMMITTING)
		return (int)by_step[kill->step];
	if (kill->uuid[0] == '\0')
		return FATE_NAIVE;
	if (kill->ending != ENDED_BY_ITSELF)
		return kill->ending == ENDED_COMMITTED ? FATE_DECIDED : FATE_UNDECIDED;
	r = shop_has_booked(kill->uuid);
	if (r < 0)
		return r;
	return r ? FATE_DONE : FATE_UNPREPARED;
}

int crew_print_tally(const struct crew *crew)
{
	const struct fate_text *texts = shop_is_file(crew->ledger_url) ? fates_of_files : fates;
	int counts[FATES] = { 0 };

	for (int i = 0; i < crew->n_kills; i++) {
		int fate = fate_of(&crew->kills[i]);

		if (fate < 0)
			return fate;
		counts[fate]++;
	}
	for (int i = 0; i < FATES; i++) {
		if (!texts[i].where || (i == FATE_NAIVE && !crew->naive) ||
		    (i > FATE_NAIVE && crew->naive))
			continue;
		printf("     %-38s %6d   %s\n", texts[i].where, counts[i], texts[i].then);
	}
	return 0;
}

int crew_kills(const struct crew *crew)
{
	return crew->n_kills;
}

int crew_recovered(const struct crew *crew)
{
	return crew->n_recovered;
}
