#include "demo.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlassist.h>

#include "demo-crew.h"
#include "demo-folder.h"
#include "demo-proof.h"
#include "demo-server.h"
#include "demo-shop.h"
#include "demo-worker.h"
#include "moment.h"

#define SALES 2000
#define SALES_MAX 1000000

/* Milliseconds. The whole demo takes less than a minute, on a slow disk too:
 * killing ends in time, and a transaction carries more sales if it must. */
#define KILL_EVERY_MIN 15
#define KILL_EVERY_MAX 85
#define KILL_UNTIL 25000
#define PACE_EVERY 2500
#define READY_BY 45000
#define GIVE_UP_AT 57000
#define SHOW_EVERY_TTY 200
#define SHOW_EVERY_PLAIN 2000
#define SETTLE_TRIES 100

struct demo {
	int sales;
	bool naive;
	bool with_server;	/* the ledger is in PostgreSQL */
	int sabotage;		/* enum shop_sabotage, or -1 */
	int worker;		/* number of the worker that this process is, or -1 */
	const char *ledger_url; /* borrowed */
	char *folder;
	struct server *server; /* or NULL */
	struct crew *crew;
	int64_t started_ms; /* when the first worker was */
	int64_t shown_ms, paced_ms;
	int sales_at_once;
	int64_t left; /* in the outbox, when last looked */
};

/* ---- progress ------------------------------------------------------------ */

static void draw_bar(int64_t done, int64_t all)
{
	char bar[25];

	moment_bar(bar, sizeof(bar), (double)done / (double)all);
	printf("\r\033[K   [%s]", bar);
}

static int show_progress(struct demo *demo, bool is_last)
{
	const bool tty = isatty(STDOUT_FILENO);
	const int64_t now = moment_ms();

	if (!is_last && now - demo->shown_ms < (tty ? SHOW_EVERY_TTY : SHOW_EVERY_PLAIN))
		return 0;
	demo->shown_ms = now;
	demo->left = shop_outbox();
	if (demo->left < 0)
		return -1;
	if (demo->left == 0 && !is_last)
		return 0;
	if (tty)
		draw_bar(demo->sales - demo->left, demo->sales);
	else
		printf("  ");
	printf(" %" PRId64 " of %d sales, %d kills", demo->sales - demo->left, demo->sales,
	       crew_kills(demo->crew));
	/* Files recover by themselves, whoever opens them. */
	if (demo->with_server)
		printf(", %d recovered", crew_recovered(demo->crew));
	if (!tty || is_last)
		printf("\n");
	fflush(stdout);
	return 0;
}

/* Makes transactions bigger when the disk is too slow for the minute. */
static void keep_pace(struct demo *demo)
{
	const int64_t now = moment_ms();
	const int64_t elapsed = now - demo->started_ms;
	const int64_t done = demo->sales - demo->left;

	if (now - demo->paced_ms < PACE_EVERY)
		return;
	demo->paced_ms = now;
	if (elapsed * demo->left <= (READY_BY - elapsed) * done)
		return;
	demo->sales_at_once *= 2;
	crew_set_sales_at_once(demo->crew, demo->sales_at_once);
	printf("%s   To be done in time, from now on up to %d sales a transaction.\n",
	       isatty(STDOUT_FILENO) ? "\r\033[K" : "", demo->sales_at_once);
}

/* ---- the story ----------------------------------------------------------- */

static void tell_beginning(const struct demo *demo)
{
	if (demo->with_server)
		printf("A till keeps its sales in a SQLite file, and the shop keeps its ledger in PostgreSQL.\n"
		       "%d workers carry each sale over: DELETE from the till's outbox, INSERT into the\n"
		       "ledger, ",
		       WORKERS);
	else
		printf("A till keeps its sales in a SQLite file, and the shop keeps its ledger in another.\n"
		       "%d workers carry each sale over: DELETE from the till's outbox, INSERT into the\n"
		       "ledger, ",
		       WORKERS);
	if (demo->naive)
		printf("and then two commits, one after the other, without the library. While they\n"
		       "work, they are killed (SIGKILL) at random moments. Watch what gets doubled.\n\n");
	else
		printf("txn_commit(). While they work, they are killed (SIGKILL) at random moments,\n"
		       "and others go on. In the end every sale must stand in the ledger exactly once.\n\n");
}

/* Asks for nothing that is not needed when the library cannot use it. */
static int check_build(const struct demo *demo)
{
	int r = shop_register(demo->with_server ? "postgresql:///postgres" : SHOP_LEDGER_FILE,
			      SHOP_OWNER);

	sqla_engine_unregister(NULL);
	return r;
}

static int start_server(struct demo *demo)
{
	const int64_t began = moment_ms();

	demo->server = server_new(demo->folder);
	if (!demo->server)
		return -1;
	demo->ledger_url = server_url(demo->server);
	printf("1. A private PostgreSQL %s in %s ... ", server_version(demo->server), demo->folder);
	fflush(stdout);
	if (server_start(demo->server) < 0)
		return -1;
	printf("started (%.1f s)\n", (double)(moment_ms() - began) / 1000);
	return 0;
}

static int prepare(struct demo *demo)
{
	demo->folder = folder_make();
	if (!demo->folder)
		return -1;
	if (chdir(demo->folder) < 0) {
		perror("sqlassist demo: the temporary folder");
		return -1;
	}
	demo->ledger_url = SHOP_LEDGER_FILE;
	if (!demo->with_server)
		printf("1. Two SQLite files in %s ... no server is needed\n", demo->folder);
	else if (start_server(demo) < 0)
		return -1;
	if (shop_register(demo->ledger_url, SHOP_OWNER) < 0)
		return -1;
	printf("2. A till with %d sales ... ", demo->sales);
	fflush(stdout);
	if (shop_fill(demo->ledger_url, demo->sales) < 0)
		return -1;
	printf("filled\n");
	return 0;
}

/* One moment of work, and perhaps a murder. 1: the outbox is empty. */
static int go_on(struct demo *demo)
{
	const int64_t elapsed = moment_ms() - demo->started_ms;
	int r;

	if (crew_hire(demo->crew) < 0)
		return -1;
	moment_sleep_us((KILL_EVERY_MIN + random() % (KILL_EVERY_MAX - KILL_EVERY_MIN)) * 1000);
	r = crew_reap(demo->crew);
	if (r != 0)
		return r;
	if (elapsed < KILL_UNTIL) {
		crew_kill(demo->crew, random() % 8 == 0);
		if (crew_recover(demo->crew) < 0)
			return -1;
	}
	if (elapsed > GIVE_UP_AT) {
		fprintf(stderr,
			"sqlassist demo: this machine is too slow for a minute's demo;"
			" try --sales %d\n",
			demo->sales / 4 + 1);
		return -1;
	}
	if (show_progress(demo, false) < 0)
		return -1;
	keep_pace(demo);
	return 0;
}

static int move_sales(struct demo *demo)
{
	int r = 0;

	printf("3. %d workers carry them over; now and then one is killed, or all at once\n",
	       WORKERS);
	demo->crew = crew_new(demo->ledger_url, demo->naive);
	if (!demo->crew)
		return -1;
	demo->sales_at_once = 1;
	demo->left = demo->sales;
	demo->started_ms = demo->shown_ms = demo->paced_ms = moment_ms();
	while (r == 0 && !moment_is_stopped())
		r = go_on(demo);
	/* The others are about to find the outbox empty, too. */
	while (r > 0 && !moment_is_stopped() && crew_size(demo->crew) > 0) {
		moment_sleep_us(5 * 1000);
		if (crew_reap(demo->crew) < 0)
			r = -1;
	}
	return r < 0 || moment_is_stopped() ? -1 : 0;
}

/* A killed worker's server process may still be about to prepare. */
static int settle(struct demo *demo)
{
	int r = 1;

	for (int i = 0; i < SETTLE_TRIES && r == 1 && !moment_is_stopped(); i++) {
		moment_sleep_us(50 * 1000);
		r = crew_recover(demo->crew);
	}
	return r < 0 || moment_is_stopped() ? -1 : show_progress(demo, true);
}

static int judge(struct demo *demo)
{
	const double seconds = (double)(moment_ms() - demo->started_ms) / 1000;
	struct proof proof;

	if (demo->sabotage >= 0 && shop_sabotage((enum shop_sabotage)demo->sabotage) < 0)
		return -1;
	printf("4. Where the %d kills fell, and what became of the sale\n", crew_kills(demo->crew));
	if (crew_print_tally(demo->crew) < 0)
		return -1;
	printf("5. The proof, by SQL\n");
	if (proof_read(demo->ledger_url, &proof) < 0)
		return -1;
	proof_print(&proof);
	if (!proof_holds(&proof)) {
		printf("\nNOT exactly once: the databases disagree.\n");
		return -1;
	}
	printf("\nProven: %d sales arrived exactly once, in %.1f seconds and in spite of %d kills.\n",
	       demo->sales, seconds, crew_kills(demo->crew));
	return 0;
}

static int play(struct demo *demo)
{
	int r;

	moment_catch_signals();
	setvbuf(stdout, NULL, _IOLBF, 0);
	srandom((unsigned)moment_ms());
	tell_beginning(demo);
	r = check_build(demo);
	if (r >= 0)
		r = prepare(demo);
	if (r >= 0)
		r = move_sales(demo);
	if (r >= 0)
		r = settle(demo);
	if (r >= 0)
		r = judge(demo);
	if (moment_is_stopped())
		printf("\nStopped; the temporary folder is removed.\n");
	crew_free(demo->crew);
	sqla_engine_unregister(NULL);
	if (chdir("/") < 0)
		perror("sqlassist demo: /");
	server_free(demo->server);
	folder_remove(demo->folder);
	return r < 0;
}

/* ---- the command line ---------------------------------------------------- */

static void print_help(void)
{
	printf("Usage: sqlassist demo [--sales N] [--postgresql] [--naive]\n"
	       "\n"
	       "Carries sales from a SQLite file to another by workers that are killed at random\n"
	       "moments, and proves that each arrived exactly once. All of it is in a temporary\n"
	       "folder, which is removed again.\n"
	       "\n"
	       "  --sales N      how many sales, 10 to %d (%d)\n"
	       "  --postgresql   to a PostgreSQL database instead, on a private server in that folder\n"
	       "  --naive        two ordinary commits instead of an atomic one, to see the difference\n"
	       "  --help         this text\n"
	       "\n"
	       "Exit status: 0 if the proof holds, 1 if not or if something failed, 2 for a wrong\n"
	       "command line.\n",
	       SALES_MAX, SALES);
}

static bool read_number(const char *text, long min, long max, int *ret_number)
{
	char *end;
	const long number = strtol(text, &end, 10);

	if (end == text || *end != '\0' || number < min || number > max) {
		fprintf(stderr, "sqlassist demo: \"%s\" is not a number from %ld to %ld\n", text,
			min, max);
		return false;
	}
	*ret_number = (int)number;
	return true;
}

static bool read_sabotage(const char *text, int *ret_sabotage)
{
	static const char *const names[] = { [SHOP_LOSE_ONE] = "lose",
					     [SHOP_DOUBLE_ONE] = "double",
					     [SHOP_CHANGE_ONE] = "change" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		*ret_sabotage = (int)i;
		return true;
	}
	fprintf(stderr, "sqlassist demo: --sabotage takes lose, double or change\n");
	return false;
}

/* An exit status, or -1 to go on. */
static int read_options(int argc, char **argv, struct demo *demo)
{
	/* The last three are the demo's own: its workers, and its tests. */
	static const struct option options[] = {
		{ "sales", required_argument, NULL, 's' },
		{ "postgresql", no_argument, NULL, 'p' },
		{ "naive", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ "worker", required_argument, NULL, 'w' },
		{ "ledger", required_argument, NULL, 'l' },
		{ "sabotage", required_argument, NULL, 'x' },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	int option;

	optind = 0; /* the command's own options were read before */
	while (good && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			good = read_number(optarg, 10, SALES_MAX, &demo->sales);
		else if (option == 'p')
			demo->with_server = true;
		else if (option == 'n')
			demo->naive = true;
		else if (option == 'w')
			good = read_number(optarg, 0, WORKERS - 1, &demo->worker);
		else if (option == 'l')
			demo->ledger_url = optarg;
		else if (option == 'x')
			good = read_sabotage(optarg, &demo->sabotage);
		else if (option == 'h')
			return print_help(), 0;
		else
			good = false;
	}
	if (good && optind < argc) {
		fprintf(stderr, "sqlassist demo: it takes no argument \"%s\"\n", argv[optind]);
		good = false;
	}
	return good ? -1 : 2;
}

int demo_main(int argc, char **argv)
{
	struct demo demo = { .sales = SALES, .sabotage = -1, .worker = -1 };
	const int status = read_options(argc, argv, &demo);

	if (status >= 0)
		return status;
	if (demo.worker >= 0)
		return worker_main(demo.worker, demo.ledger_url ? demo.ledger_url : "", demo.naive);
	return play(&demo);
}
