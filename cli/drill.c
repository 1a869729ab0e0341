/*
 * sqlassist drill: on the user's own engines, in scratch tables, workers move
 * money and are killed; recovery follows; everything is compared. The drill
 * itself talks to no database (drill-errand.h), so that Ctrl-C finds it able to
 * clean up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlassist.h>

#include "common.h"
#include "drill-check.h"
#include "drill-crew.h"
#include "drill-errand.h"
#include "drill-ledger.h"
#include "drill-report.h"
#include "drill-scratch.h"
#include "moment.h"

enum {
	ERRAND_S = 180, /* a machine that is busy may take its time */
	SETTLE_S = 120,
	SETTLE_PAUSE_US = 5000,
	KILLS_A_CHECK = 20,
	TRANSFERS_A_CHECK = 20000,
	RECOVERER_US = 20000, /* one that is to be killed lives for that long at most */
	KILLS = 200,
	KILLS_MAX = 1000000,
	SECONDS = 60,
	SHOW_US = 200000,
};

struct drill {
	int kills, seconds;
	bool is_json, is_cleaning;
	struct drill_ledger *ledger;
	struct drill_crew crew;
	struct drill_report report;
	int64_t began_us, shown_us;
	int checked_kills; /* when everything was compared last */
};

/* ---- progress -------------------------------------------------------------------- */

static void show(struct drill *drill)
{
	char bar[31];
	const int64_t now = moment_us(), passed = now - drill->began_us;
	const double by_kills = (double)drill->crew.kills / drill->kills;
	const double by_time = (double)passed / 1000000 / drill->seconds;
	const double part = by_kills > by_time ? by_kills : by_time;

	if (!isatty(STDERR_FILENO) || now - drill->shown_us < SHOW_US)
		return;
	drill->shown_us = now;
	moment_bar(bar, sizeof(bar), part);
	(void)fprintf(stderr, "\r\033[K[%s] %d of %d kills, %lld transfers, %d violations", bar,
		      drill->crew.kills, drill->kills, (long long)ledger_end(drill->ledger),
		      atomic_load(&drill->ledger->n_violations));
}

static void show_no_more(void)
{
	if (isatty(STDERR_FILENO))
		(void)fprintf(stderr, "\r\033[K");
}

/* ---- the drill --------------------------------------------------------------------- */

static int errand(struct drill *drill, errand_fn *fn)
{
	return errand_run(drill->ledger, fn, NULL, ERRAND_S);
}

/* Keeps why it ends early. Returns STATUS. */
static int give_up(struct drill *drill, int status)
{
	drill->report.trouble = drill->ledger->trouble;
	drill->report.trouble.status = status < 0 ? status : SQLA_EINDOUBT;
	return status;
}

static int recover(struct drill *drill)
{
	drill->report.recoveries++;
	return errand(drill, check_recover);
}

/* A recovery may be killed like everybody else. */
static int kill_a_recovery(struct drill *drill)
{
	const pid_t pid = errand_start(drill->ledger, check_recover, NULL);

	if (pid < 0)
		return -1;
	moment_sleep_us(rand_r(&drill->crew.seed) % RECOVERER_US);
	if (errand_kill(pid))
		drill->report.recoverers_killed++;
	return 0;
}

/* What may be otherwise soon. */
static bool is_passing(int status)
{
	return status == SQLA_PENDING || status == SQLA_ECONNECT;
}

/* Everybody is dead: recovers until nothing is left, and compares everything. */
static int settle(struct drill *drill)
{
	const int64_t began = moment_us();
	int status = SQLA_PENDING;

	while (is_passing(status) && moment_us() - began < SETTLE_S * INT64_C(1000000)) {
		status = recover(drill);
		if (status == SQLA_OK) {
			const int64_t took = moment_us() - began;

			status = errand(drill, check_all);
			if (status == SQLA_OK) {
				drill->report.settle_sum_us += took;
				if (took > drill->report.settle_max_us)
					drill->report.settle_max_us = took;
			}
		}
		if (is_passing(status))
			moment_sleep_us(SETTLE_PAUSE_US);
	}
	if (status == SQLA_PENDING)
		ledger_violation(drill->ledger,
				 "after %d seconds of recovery transfers are still in doubt",
				 SETTLE_S);
	return status;
}

static int check(struct drill *drill)
{
	const int64_t first = drill->ledger->first;
	int status;

	drill_crew_kill_all(&drill->crew);
	status = settle(drill);
	if (status != SQLA_OK)
		return status < 0 ? give_up(drill, status) : 0;
	drill->report.checks++;
	drill->checked_kills = drill->crew.kills;
	drill_report_count(&drill->report, first);
	drill->ledger->first = ledger_end(drill->ledger);
	return 0;
}

static bool is_check_due(const struct drill *drill)
{
	return drill->crew.kills - drill->checked_kills >= KILLS_A_CHECK ||
	       ledger_end(drill->ledger) - drill->ledger->first >= TRANSFERS_A_CHECK;
}

/* One murder, and what follows. */
static int one_round(struct drill *drill, int round)
{
	const int victim = round % DRILL_WORKERS;
	int found, status;

	if (drill_crew_hire(&drill->crew) < 0)
		return give_up(drill, SQLA_ENOMEM);
	found = drill_crew_strike(&drill->crew, victim);
	if (found < 0)
		return give_up(drill, drill->ledger->trouble.status);
	if (round % 5 == 4 && kill_a_recovery(drill) < 0)
		return give_up(drill, SQLA_ENOMEM);
	status = recover(drill);
	if (found > 0)
		drill_crew_thaw(&drill->crew, victim);
	if (status < 0 && !is_passing(status))
		return give_up(drill, status);
	return is_check_due(drill) ? check(drill) : 0;
}

static bool is_over(const struct drill *drill)
{
	return moment_is_stopped() || drill->crew.kills >= drill->kills ||
	       moment_us() - drill->began_us >= drill->seconds * INT64_C(1000000) ||
	       ledger_end(drill->ledger) >= DRILL_TRANSFERS ||
	       atomic_load(&drill->ledger->n_violations) > 0;
}

static int go_on(struct drill *drill)
{
	int status = drill_crew_measure(&drill->crew);

	if (status < 0)
		return give_up(drill, status);
	for (int round = 0; status >= 0 && !is_over(drill); round++) {
		status = one_round(drill, round);
		show(drill);
	}
	show_no_more();
	return status < 0 ? status : check(drill);
}

/* ---- before and behind it ---------------------------------------------------------- */

/* Ends what holds the scratch tables, and drops them. */
static int remove_all(struct drill *drill)
{
	const int64_t began = moment_us();
	int status;

	do {
		status = errand(drill, scratch_recover);
		if (status == SQLA_OK)
			status = errand(drill, scratch_drop);
		if (status == SQLA_PENDING)
			moment_sleep_us(SETTLE_PAUSE_US);
	} while (status == SQLA_PENDING && moment_us() - began < SETTLE_S * INT64_C(1000000));
	return status;
}

/* Whatever else went wrong, nothing of the drill's stays. */
static void clean_up(struct drill *drill)
{
	drill_crew_kill_all(&drill->crew);
	drill->report.is_clean = remove_all(drill) == SQLA_OK;
}

static int exit_status(const struct drill *drill)
{
	const int status = drill->report.trouble.status;

	if (atomic_load(&drill->ledger->n_violations) > 0)
		return EXIT_TROUBLE;
	if (status == SQLA_ECONNECT || status == SQLA_ETIMEOUT)
		return EXIT_UNREACHABLE;
	return drill_report_is_good(&drill->report) && drill->report.is_clean &&
			       !drill->report.is_stopped ?
		       EXIT_WELL :
		       EXIT_TROUBLE;
}

/* Nothing was changed. Returns the exit status. */
static int refuse(const struct drill *drill, int status)
{
	const struct drill_trouble *trouble = &drill->ledger->trouble;

	(void)fprintf(stderr, "sqlassist drill: nothing was tried: %s%s%s\n", trouble->engine,
		      trouble->engine[0] ? ": " : "", trouble->message);
	if (trouble->hint[0])
		(void)fprintf(stderr, "%s\n", trouble->hint);
	return status == SQLA_ECONNECT || status == SQLA_ETIMEOUT ? EXIT_UNREACHABLE : EXIT_USAGE;
}

static int prepare(struct drill *drill)
{
	int status = errand(drill, scratch_describe);

	if (status < 0)
		return refuse(drill, status);
	if (drill->ledger->n_engines == 0)
		return usage_error("no engine takes part in transactions");
	status = errand(drill, scratch_create);
	return status < 0 ? refuse(drill, status) : EXIT_GO_ON;
}

static int play(struct drill *drill)
{
	int status = prepare(drill);

	if (status != EXIT_GO_ON)
		return status;
	drill->report.started = time(NULL);
	drill->began_us = moment_us();
	(void)go_on(drill);
	clean_up(drill);
	drill->report.seconds = (double)(moment_us() - drill->began_us) / 1000000;
	drill->report.is_stopped = moment_is_stopped();
	if (!drill->is_json)
		drill_report_print(&drill->report);
	else if (drill_report_json(&drill->report) != EXIT_GO_ON)
		return EXIT_USAGE;
	return exit_status(drill);
}

/* After a drill that was killed itself. */
static int clean(struct drill *drill)
{
	const int status = remove_all(drill);

	if (status < 0)
		return refuse(drill, status);
	if (status == SQLA_PENDING) {
		(void)fprintf(stderr, "sqlassist drill: what it left in doubt cannot be ended yet; "
				      "sqlassist status tells why\n");
		return EXIT_TROUBLE;
	}
	puts("No drill has left anything here.");
	return EXIT_WELL;
}

/* ---- the command line ---------------------------------------------------------------- */

static int read_option(struct drill *drill, int c)
{
	bool good = true;
	int seed;

	switch (c) {
	case 'j':
		drill->is_json = true;
		break;
	case 'x':
		drill->is_cleaning = true;
		break;
	case 'k':
		good = parse_number("kills", "a number", optarg, 1, KILLS_MAX, &drill->kills);
		break;
	case 's':
		good = parse_seconds("seconds", optarg, 1, &drill->seconds);
		break;
	case 't':
		good = parse_number("threads", "a number", optarg, 1, DRILL_THREADS,
				    &drill->crew.threads);
		break;
	case 'r':
		good = parse_number("seed", "a number", optarg, 1, INT32_MAX, &seed);
		drill->report.seed = good ? (unsigned)seed : 0;
		break;
	default:
		return common_option(c);
	}
	return good ? EXIT_GO_ON : EXIT_USAGE;
}

/* Those that are named, or all. */
static int choose_engines(struct drill *drill, char **names, int n_named)
{
	const char *all[DRILL_ENGINES];
	const size_t n_all = sqla_engine_names(all, DRILL_ENGINES);
	const int n = n_named > 0 ? n_named : (int)n_all;

	if (n > DRILL_ENGINES)
		return usage_error("a drill is over %d engines at most: name them", DRILL_ENGINES);
	for (int i = 0; i < n; i++)
		(void)snprintf(drill->ledger->engines[i].name,
			       sizeof(drill->ledger->engines[i].name), "%s",
			       n_named > 0 ? names[i] : all[i]);
	drill->ledger->n_engines = n;
	return EXIT_GO_ON;
}

static int read_options(struct drill *drill, int argc, char **argv)
{
	static const struct option options[] = {
		COMMON_OPTIONS,
		{ "json", no_argument, NULL, 'j' },
		{ "kills", required_argument, NULL, 'k' },
		{ "seconds", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 'r' },
		{ "clean", no_argument, NULL, 'x' },
		{ NULL, 0, NULL, 0 },
	};
	int c, status;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		status = read_option(drill, c);
		if (status != EXIT_GO_ON)
			return status;
	}
	status = common_ready(argc, argv, DRILL_ENGINES);
	return status == EXIT_GO_ON ? choose_engines(drill, argv + optind, argc - optind) : status;
}

int drill_main(int argc, char **argv)
{
	struct drill drill = { .kills = KILLS,
			       .seconds = SECONDS,
			       .crew.threads = 2,
			       .report.seed = (unsigned)(moment_us() & INT32_MAX) };
	int status;

	drill.ledger = ledger_map();
	if (!drill.ledger)
		return usage_error("out of memory");
	status = read_options(&drill, argc, argv);
	if (status == EXIT_GO_ON) {
		moment_catch_signals();
		drill.crew.ledger = drill.ledger;
		drill.crew.seed = drill.report.seed;
		drill.report.ledger = drill.ledger;
		drill.report.crew = &drill.crew;
		status = drill.is_cleaning ? clean(&drill) : play(&drill);
	}
	ledger_unmap(drill.ledger);
	return status;
}
