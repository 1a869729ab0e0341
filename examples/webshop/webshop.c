/*
 * webshop.c - a shop on two databases. An order takes goods out of one and is
 * noted in the other: both, or none, whatever crashes in between.
 *
 *	webshop --config webshop.ini [--port 8080] [--threads 8]
 *
 *	shop.c	what it does with the databases
 *	page.c	what it looks like
 *	http.c	a request container around each request; the panel
 *
 * It listens on the loopback address only, and shows its panel to everybody who
 * gets there: put a proxy with a password in front of /_sqlassist and /metrics.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#include "http.h"
#include "shop.h"

struct settings {
	const char *config;
	unsigned short port;
	unsigned threads;
};

static int usage(void)
{
	(void)fputs("usage: webshop --config FILE [--port PORT] [--threads N]\n", stderr);
	return 2;
}

/* A number from LEAST to MOST, or -1. */
static long parse(const char *text, long least, long most)
{
	char *end;
	long value = strtol(text, &end, 10);

	return *text && !*end && value >= least && value <= most ? value : -1;
}

static bool read_settings(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "port", required_argument, NULL, 'p' },
		{ "threads", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	long port = 8080, threads = 8;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c')
			settings->config = optarg;
		else if (c == 'p')
			port = parse(optarg, 0, 65535);
		else if (c == 't')
			threads = parse(optarg, 2, 256);
		else
			return false;
	}
	settings->port = (unsigned short)port;
	settings->threads = (unsigned)threads;
	return settings->config && port >= 0 && threads > 0 && optind == argc;
}

static void log_line(enum sqla_log_level level, const char *line, void *arg)
{
	(void)level, (void)arg;
	(void)fprintf(stderr, "webshop: %s\n", line);
}

static int fail(const char *what)
{
	const struct sqla_error *error = sqla_error_last();

	(void)fprintf(stderr, "webshop: %s: %s %s\n", what, error->message, error->hint);
	return EXIT_FAILURE;
}

/* What an earlier run left in doubt is ended first, so that its locks are in
 * nobody's way. No run of ours is at work now: nothing is too young for that.
 * What cannot be ended yet is left to the thread. */
static int recover(void)
{
	const struct sqla_recover_options at_once = { .grace_s = -1 };
	struct sqla_recover_report report = { 0 };
	int status = sqla_recover(&at_once, NULL, NULL, &report);

	if (report.committed || report.rolled_back)
		(void)fprintf(stderr, "webshop: recovered: %d committed, %d rolled back\n",
			      report.committed, report.rolled_back);
	return status == SQLA_EMIXED ? 0 : status;
}

static int serve(const struct settings *settings, const sigset_t *ends)
{
	struct MHD_Daemon *daemon;
	int port = http_start(settings->port, settings->threads, &daemon);
	int signal_number;

	if (port < 0) {
		(void)fprintf(stderr, "webshop: cannot listen on port %u\n", settings->port);
		return EXIT_FAILURE;
	}
	(void)printf("webshop: http://127.0.0.1:%d/\n", port);
	(void)fflush(stdout);
	(void)sigwait(ends, &signal_number);
	MHD_stop_daemon(daemon);
	return EXIT_SUCCESS;
}

/* Blocked before the first thread starts: sigwait alone takes them. */
static void block_signals(sigset_t *ret_ends)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(ret_ends);
	(void)sigaddset(ret_ends, SIGTERM);
	(void)sigaddset(ret_ends, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, ret_ends, NULL);
}

int main(int argc, char **argv)
{
	struct settings settings = { .config = NULL };
	sigset_t ends;
	int status;

	if (!read_settings(argc, argv, &settings))
		return usage();
	block_signals(&ends);
	sqla_log_set(SQLA_LOG_INFO, log_line, NULL);
	if (sqla_engines_load(settings.config) < 0)
		return fail("bad configuration");
	if (recover() < 0)
		return fail("cannot recover");
	if (shop_set_up() < 0 || sqla_recovery_start(5000, NULL) < 0)
		status = fail("cannot set up the shop");
	else
		status = serve(&settings, &ends);
	sqla_recovery_stop();
	(void)sqla_engine_unregister(NULL);
	return status;
}
