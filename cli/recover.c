/*
 * sqlassist recover: ends what is in doubt, once or again and again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "common.h"
#include "report.h"

struct recover {
	struct sqla_recover_options options;
	bool is_json;
	bool is_watching;
	bool has_interval;
	int interval_s;
};

/* Reads one option into R: EXIT_GO_ON, or the status to exit with. */
static int read_option(struct recover *r, int c)
{
	switch (c) {
	case 'j':
		r->is_json = true;
		return EXIT_GO_ON;
	case 'w':
		r->is_watching = true;
		return EXIT_GO_ON;
	case 'n':
		r->options.dry_run = true;
		return EXIT_GO_ON;
	case 'i':
		r->has_interval = true;
		return parse_seconds("interval", optarg, 1, &r->interval_s) ? EXIT_GO_ON :
									      EXIT_USAGE;
	case 'f':
		return parse_seconds("fence", optarg, 1, &r->options.fence_s) ? EXIT_GO_ON :
										EXIT_USAGE;
	case 'g':
		if (!parse_seconds("grace", optarg, 0, &r->options.grace_s))
			return EXIT_USAGE;
		/* The library's 0 is its default. */
		if (r->options.grace_s == 0)
			r->options.grace_s = -1;
		return EXIT_GO_ON;
	default:
		return common_option(c);
	}
}

static int read_options(struct recover *r, int argc, char **argv)
{
	static const struct option options[] = {
		COMMON_OPTIONS,
		{ "json", no_argument, NULL, 'j' },
		{ "watch", no_argument, NULL, 'w' },
		{ "interval", required_argument, NULL, 'i' },
		{ "grace", required_argument, NULL, 'g' },
		{ "fence", required_argument, NULL, 'f' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int c, status;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		status = read_option(r, c);
		if (status != EXIT_GO_ON)
			return status;
	}
	if (r->has_interval && !r->is_watching)
		return usage_error("--interval is for --watch");
	return common_ready(argc, argv, 0);
}

/* A signal ends the waiting, never a pass: it is kept until the pass is over. */
static int watch(struct recover *r)
{
	const struct timespec interval = { .tv_sec = r->interval_s };
	sigset_t ends;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	do {
		(void)report_pass(&r->options, r->is_json, true);
		if (fflush(stdout) == EOF)
			return EXIT_USAGE;
		errno = 0;
		if (sigtimedwait(&ends, NULL, &interval) > 0)
			return EXIT_WELL;
	} while (errno == EAGAIN || errno == EINTR);
	return EXIT_USAGE;
}

int recover_main(int argc, char **argv)
{
	struct recover r = { .interval_s = 10 };
	int status = read_options(&r, argc, argv);

	if (status != EXIT_GO_ON)
		return status;
	return r.is_watching ? watch(&r) : report_pass(&r.options, r.is_json, false);
}
