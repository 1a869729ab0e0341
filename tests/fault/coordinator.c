/*
 * coordinator [-e NAME=URL]... [-dkx] [-f SECONDS] VERB ARGUMENT... -
 * a process of its own, so that it can be killed, stopped and forgotten.
 *
 *	transfer ID COUNT [VETO]	COUNT transfers over all engines; engine VETO
 *					refuses each when it is to commit
 *	trade ID THREADS COUNT		COUNT transfers a thread over changing engines
 *	recover				what a fresh process does after a crash
 *
 * -d: commits do not wait for their branches to end. -k: decisions are kept as long as usual; without it not at all, so that
 * forgetting is as hasty as it can be. -x: one-phase outcomes are written down
 * (outcome = row). -f: fence.
 * Each transfer that has ended is told on stdout as "ID STATUS", in one write;
 * ids count upwards from ID. Exit status 0: all was told.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sqlassist.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifdef SQLA_WITH_SQLITE
#include <sqlite3.h>
#endif

enum { ENGINES_MAX = 4, THREADS_MAX = 16, ACCOUNTS = 8, CENTS = 10, IDS_A_THREAD = 100000 };

static char *engines[ENGINES_MAX];
static size_t n_engines;
static const char *veto;
static bool is_deferred;

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	char line[1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n > (int)sizeof(line) - 1)
		n = (int)sizeof(line) - 1;
	if (n < 0 || write(STDOUT_FILENO, line, (size_t)n) != n)
		_exit(EXIT_FAILURE);
}

static void die(const char *what)
{
	const struct sqla_error *error = sqla_error_last();

	tell("# %s: %s: %s: %s (%s)\n", what, sqla_strerror(error->status), error->engine,
	     error->message, error->hint);
	exit(EXIT_FAILURE);
}

static void log_line(enum sqla_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	tell("# %s\n", line);
}

/* ---- moving money -------------------------------------------------------- */

/* The engines with a bit in PARTS, as the ledger names them: their initials. */
static void name_parts(unsigned parts, char ret_name[ENGINES_MAX + 1])
{
	for (size_t i = 0; i < n_engines; i++)
		if (parts & 1U << i)
			*ret_name++ = engines[i][0];
	*ret_name = '\0';
}

#ifdef SQLA_WITH_SQLITE
static int refuse_commit(void *arg)
{
	(void)arg;
	return 1;
}
#endif

/* PostgreSQL has a deferred trigger on this table, SQLite a hook. */
static int refuse(struct sqla_session *s, int64_t id)
{
	struct sqlite3 *db = sqla_session_sqlite(s);

	if (!db)
		return sqla_exec(s, "INSERT INTO veto (id) VALUES ($1)", sqla_int(id));
#ifdef SQLA_WITH_SQLITE
	(void)sqlite3_commit_hook(db, refuse_commit, NULL);
#endif
	return 0;
}

/* All pay CENTS but the last, who gets it all; one alone pays itself. */
static int64_t share(size_t nth, size_t count)
{
	if (nth + 1 < count)
		return -CENTS;
	return CENTS * ((int64_t)count - 1);
}

static int work(struct sqla_session *s, int64_t id, int64_t cents, const char *parts)
{
	int status = sqla_exec(s, "UPDATE account SET cents = cents + $1 WHERE id = $2",
			       sqla_int(cents), sqla_int(id % ACCOUNTS));

	if (status == 0)
		status = sqla_exec(s, "INSERT INTO transfer (id, cents, parts) VALUES ($1, $2, $3)",
				   sqla_int(id), sqla_int(cents), sqla_text(parts));
	if (status == 0 && veto && strcmp(sqla_session_engine(s), veto) == 0)
		status = refuse(s, id);
	return status;
}

static int transfer(int64_t id, unsigned parts)
{
	size_t nth = 0, count = (size_t)__builtin_popcount(parts);
	struct sqla_session *sessions[ENGINES_MAX] = { NULL };
	char name[ENGINES_MAX + 1];
	int status =
		is_deferred ? txn_manager_set_finish(txn_manager_thread(), TXN_FINISH_DEFERRED) : 0;

	name_parts(parts, name);
	for (size_t i = 0; status == 0 && i < n_engines; i++) {
		if (!(parts & 1U << i))
			continue;
		status = sqla_session_open(engines[i], &sessions[i]);
		if (status == 0)
			status = work(sessions[i], id, share(nth++, count), name);
	}
	if (status == 0)
		status = txn_commit();
	if (status < 0) {
		const struct sqla_error *error = sqla_error_last();

		tell("# %" PRId64 " %d %s: %s\n", id, status, error->engine, error->message);
		(void)txn_abort();
	}
	for (size_t i = 0; i < n_engines; i++)
		sqla_session_close(sessions[i]);
	tell("%" PRId64 " %d\n", id, status);
	return status;
}

static int transfers(int64_t id, int count)
{
	for (int i = 0; i < count; i++)
		(void)transfer(id + i, (1U << n_engines) - 1);
	return EXIT_SUCCESS;
}

struct trader {
	pthread_t thread;
	int64_t id;
	int count;
	unsigned seed;
};

static void *trade_on(void *arg)
{
	struct trader *trader = arg;

	while (trader->count-- > 0) {
		unsigned parts = 1 + (unsigned)rand_r(&trader->seed) % ((1U << n_engines) - 1);

		(void)transfer(trader->id++, parts);
	}
	return NULL;
}

static int trade(int64_t id, int threads, int count)
{
	struct trader traders[THREADS_MAX];
	int started = 0, result = EXIT_SUCCESS;

	while (started < threads && started < THREADS_MAX) {
		struct trader *trader = &traders[started];

		trader->id = id + (int64_t)started * IDS_A_THREAD;
		trader->count = count;
		trader->seed = (unsigned)trader->id;
		if (pthread_create(&trader->thread, NULL, trade_on, trader) != 0)
			break;
		started++;
	}
	if (started < threads)
		result = EXIT_FAILURE;
	while (started > 0)
		(void)pthread_join(traders[--started].thread, NULL);
	return result;
}

/* ---- recovering ---------------------------------------------------------- */

static void tell_branch(const struct sqla_in_doubt *b, void *arg)
{
	static const char *const verdicts[] = { "?",	   "commit", "rollback", "open",
						"unknown", "young",  "foreign" };

	(void)arg;
	tell("# %s %s: %s, status %d: %s; %s\n", b->engine, b->gid, verdicts[b->verdict], b->status,
	     b->evidence, b->remedy);
}

static int recover(int fence_s)
{
	const struct sqla_recover_options options = { .grace_s = -1, .fence_s = fence_s };
	struct sqla_recover_report report = { 0 };
	int status = sqla_recover(&options, tell_branch, NULL, &report);

	if (status < 0)
		tell("# %s\n", sqla_error_last()->message);
	tell("recovered %d: %d committed, %d rolled back, %d left, %d mixed, %d unreachable, "
	     "%d forgotten\n",
	     status, report.committed, report.rolled_back, report.left, report.mixed,
	     report.unreachable, report.forgotten);
	return EXIT_SUCCESS;
}

/* ---- the command line ---------------------------------------------------- */

static void add_engine(char *arg, const struct sqla_engine_options *options)
{
	char *url = strchr(arg, '=');

	if (!url || n_engines == ENGINES_MAX)
		exit(EXIT_FAILURE);
	*url++ = '\0';
	engines[n_engines] = arg;
	if (sqla_engine_register(engines[n_engines++], url, options) < 0)
		die("register");
}

static int run(int argc, char *argv[], int fence_s)
{
	int result = EXIT_FAILURE;

	if (argc == 1 && strcmp(argv[0], "recover") == 0) {
		result = recover(fence_s);
	} else if (argc >= 3 && strcmp(argv[0], "transfer") == 0) {
		veto = argv[3];
		result = transfers(atoll(argv[1]), atoi(argv[2]));
	} else if (argc == 4 && strcmp(argv[0], "trade") == 0) {
		result = trade(atoll(argv[1]), atoi(argv[2]), atoi(argv[3]));
	}
	if (sqla_engine_unregister(NULL) < 0)
		die("unregister");
	return result;
}

int main(int argc, char *argv[])
{
	struct sqla_engine_options options = { .keep_decisions = SQLA_ZERO,
					       .connect_timeout_ms = 60000,
					       .busy_timeout_ms = 2000,
					       .wal_group = SQLA_YES };
	char *args[ENGINES_MAX];
	size_t n_args = 0;
	int option, fence_s = 0;

	/* A test that dies leaves nobody behind. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while ((option = getopt(argc, argv, "+e:dkxf:")) != -1) {
		if (option == 'e' && n_args < ENGINES_MAX)
			args[n_args++] = optarg;
		else if (option == 'd')
			is_deferred = true;
		else if (option == 'k')
			options.keep_decisions = 0;
		else if (option == 'x')
			options.outcome = SQLA_OUTCOME_ROW;
		else if (option == 'f')
			fence_s = atoi(optarg);
		else
			return EXIT_FAILURE;
	}
	sqla_log_set(SQLA_LOG_INFO, log_line, NULL);
	for (size_t i = 0; i < n_args; i++)
		add_engine(args[i], &options);
	return run(argc - optind, argv + optind, fence_s);
}
