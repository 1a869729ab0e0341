/*
 * Two hosts, as network namespaces with a cable between them. A coordinator on
 * one commits on a server of its own and on one of the other host's, and the
 * cable is pulled in the middle; somebody else recovers for it. When it is
 * plugged in again the databases agree, and so does what was told.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlassist/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fault/sweep.h"
#include "support/cluster.h"
#include "support/files.h"
#include "support/main.h"
#include "support/must.h"
#include "support/test.h"

/* Every test has hosts and servers of its own. */
TEST_MAIN_JOBS(4, { .name = NULL })

/* The kernel takes them away with the process. */
struct hosts {
	int home;    /* namespace that the test began in */
	int near;    /* where the coordinator is */
	int far;     /* where the server is that it loses */
	char letter; /* of that server */
	struct cluster *far_server, *near_server;
	struct sweep sweep;
};

/* ---- namespaces ----------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) static void must_ip(const char *format, ...)
{
	char text[256], *rest = text, *argv[32] = { (char *)"ip" };
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (size_t i = 1; rest && i < 31; i++)
		argv[i] = strsep(&rest, " ");
	if (files_run(argv) != 0)
		must_fail("ip %s ... does not work: install iproute2", argv[1]);
}

static int this_host(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		must_fail("/proc/thread-self/ns/net: %s", strerror(errno));
	return fd;
}

/* This thread, and whatever it starts, is on that host from now on. */
static void go_to(int host)
{
	if (setns(host, CLONE_NEWNET) < 0)
		must_fail("setns: %s", strerror(errno));
}

static int new_host(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		cr_skip_test("no network namespaces (%s): run this test as root, with "
			     "CAP_SYS_ADMIN",
			     strerror(errno));
	return this_host();
}

static void connect_hosts(const struct hosts *hosts)
{
	go_to(hosts->far);
	must_ip("link set lo up");
	go_to(hosts->near);
	must_ip("link set lo up");
	must_ip("link add cable type veth peer name cable netns /proc/%d/fd/%d", (int)getpid(),
		hosts->far);
	must_ip("address add 10.77.0.1/30 dev cable");
	must_ip("link set cable up");
	go_to(hosts->far);
	must_ip("address add 10.77.0.2/30 dev cable");
	must_ip("link set cable up");
	go_to(hosts->home);
}

static void pull_cable(const struct hosts *hosts, bool is_out)
{
	go_to(hosts->near);
	must_ip("link set cable %s", is_out ? "down" : "up");
	go_to(hosts->home);
}

/* ---- servers and processes ---------------------------------------------------------- */

/* It finds out by itself that a client is gone for good. */
static const char far_settings[] = "listen_addresses = '10.77.0.2'\n"
				   "tcp_keepalives_idle = 1\n"
				   "tcp_keepalives_interval = 1\n"
				   "tcp_keepalives_count = 2\n";

static void start_servers(struct hosts *hosts)
{
	const char far[] = { hosts->letter, '\0' };
	char *path, *url;
	FILE *file;

	go_to(hosts->far);
	hosts->far_server = cluster_start(far, far_settings);
	go_to(hosts->home);
	hosts->near_server = cluster_start(hosts->letter == 'a' ? "b" : "a", NULL);
	path = must_printf("%s/data/pg_hba.conf", cluster_folder(hosts->far_server));
	file = fopen(path, "ae");
	if (!file || fputs("host all all 10.77.0.0/30 trust\n", file) < 0 || fclose(file) != 0)
		must_fail("%s: %s", path, strerror(errno));
	url = cluster_url(hosts->far_server, "postgres");
	must_exec_at(url, "SELECT pg_reload_conf()");
	free(url);
	free(path);
}

static void hosts_start(struct hosts *hosts, char letter)
{
	*hosts = (struct hosts){ .home = this_host(), .letter = letter };
	hosts->near = new_host();
	hosts->far = new_host();
	go_to(hosts->home);
	connect_hosts(hosts);
	start_servers(hosts);
	sweep_start(&hosts->sweep, "hosts", scenario_get("two_servers"), 1);
	sweep_measure(&hosts->sweep);
}

static void hosts_end(struct hosts *hosts)
{
	sweep_end(&hosts->sweep);
	cluster_free(hosts->far_server);
	cluster_free(hosts->near_server);
	(void)close(hosts->near);
	(void)close(hosts->far);
	(void)close(hosts->home);
}

/* Its own server by a socket, the other through the cable. */
static struct child *near_coordinator(struct hosts *hosts, const char *fault)
{
	const struct bank *bank = hosts->sweep.bank;
	const size_t far = hosts->letter == 'a' ? 0 : 1;
	char *id = must_printf("%lld", (long long)hosts->sweep.next_id++);
	char *engines[2];
	struct child *c;

	engines[far] = must_printf("%c=postgresql://postgres@10.77.0.2:5432/hosts_two_servers"
				   "?connect_timeout=2&tcp_user_timeout=500&keepalives_idle=1"
				   "&keepalives_interval=1&keepalives_count=2",
				   hosts->letter);
	engines[1 - far] = must_printf("%c=%s", hosts->letter == 'a' ? 'b' : 'a',
				       bank_database(bank, 1 - far));
	go_to(hosts->near);
	c = child_start((const char *const[]){ "-e", engines[0], "-e", engines[1], "transfer", id,
					       "1", NULL },
			fault, NULL);
	go_to(hosts->home);
	free(engines[0]);
	free(engines[1]);
	free(id);
	return c;
}

/* ---- what happens ------------------------------------------------------------------- */

static void sleep_ms(long ms)
{
	const struct timespec pause = { .tv_nsec = ms * 1000000 };

	(void)nanosleep(&pause, NULL);
}

/* From the other host, which reaches both servers; it fences who holds a
 * decision open and is gone. */
static void recover_from_far(struct hosts *hosts, const char *step, struct child *c)
{
	int status = SQLA_PENDING;

	go_to(hosts->far);
	for (int tries = 0; status != SQLA_OK && tries < 600; tries++) {
		status = sweep_recover(&hosts->sweep, "-f1");
		if (status != SQLA_OK)
			sleep_ms(100);
	}
	go_to(hosts->home);
	if (status != SQLA_OK || bank_in_doubt(hosts->sweep.bank) > 0)
		sweep_report(&hosts->sweep, step, c, must_printf("nobody could recover for it"));
}

typedef void after_fn(struct hosts *hosts, const char *step, struct child *c);

/* It sleeps through it all. */
static void wake_up_behind_it(struct hosts *hosts, const char *step, struct child *c)
{
	recover_from_far(hosts, step, c);
	pull_cable(hosts, false);
	child_signal(c, SIGCONT);
	sweep_expect(&hosts->sweep, step, c, CHILD_ENDED);
}

/* It goes on, with one server only. */
static void go_on_without(struct hosts *hosts, const char *step, struct child *c)
{
	child_signal(c, SIGCONT);
	sweep_expect(&hosts->sweep, step, c, CHILD_ENDED);
	recover_from_far(hosts, step, c);
	pull_cable(hosts, false);
}

/* It is never heard of again. */
static void die_alone(struct hosts *hosts, const char *step, struct child *c)
{
	child_signal(c, SIGKILL);
	sweep_expect(&hosts->sweep, step, c, CHILD_KILLED);
	recover_from_far(hosts, step, c);
	pull_cable(hosts, false);
}

static void cut_at(struct hosts *hosts, const struct pass *pass, after_fn *after)
{
	char *fault = pass_fault(pass, "stop");
	struct child *c = near_coordinator(hosts, fault);

	sweep_expect(&hosts->sweep, fault, c, CHILD_STOPPED);
	pull_cable(hosts, true);
	after(hosts, fault, c);
	sweep_must_agree(&hosts->sweep, fault, c);
	sweep_progress(&hosts->sweep, fault, c);
	printf("count 1 links cut in the middle of a commit\n");
	child_free(c);
	free(fault);
}

/* Some points stand for all while nobody has the time. */
static bool is_chosen(const struct pass *pass, const char *const points[])
{
	if (sweep_is_long())
		return true;
	for (; *points; points++)
		if (strcmp(pass->point, *points) == 0)
			return true;
	return false;
}

static void cut_all(char letter, const char *const points[], after_fn *after)
{
	struct hosts hosts;

	hosts_start(&hosts, letter);
	for (size_t i = 0; i < hosts.sweep.n_passes; i++)
		if (is_chosen(&hosts.sweep.passes[i], points))
			cut_at(&hosts, &hosts.sweep.passes[i], after);
	hosts_end(&hosts);
}

static const char *const undecided[] = { "prepare_answered", "commit_voted", NULL };
static const char *const deciding[] = { "decide_after_send", NULL };
static const char *const decided[] = { "commit_decided", NULL };

Test(link_to_the_decider, is_cut_and_somebody_recovers_for_who_wakes_up, .timeout = 3600)
{
	cut_all('b', undecided, wake_up_behind_it);
}

Test(link_to_the_decider, is_cut_and_the_coordinator_goes_on, .timeout = 3600)
{
	cut_all('b', deciding, go_on_without);
}

Test(link_to_the_decider, is_cut_and_the_coordinator_dies, .timeout = 3600)
{
	cut_all('b', deciding, die_alone);
}

Test(link_to_the_prepared, is_cut_and_somebody_recovers_for_who_wakes_up, .timeout = 3600)
{
	cut_all('a', decided, wake_up_behind_it);
}

Test(link_to_the_prepared, is_cut_and_the_coordinator_goes_on, .timeout = 3600)
{
	cut_all('a', decided, go_on_without);
}

Test(link_to_the_prepared, is_cut_and_the_coordinator_dies, .timeout = 3600)
{
	cut_all('a', undecided, die_alone);
}
