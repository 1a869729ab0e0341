#include "drill-errand.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "moment.h"

enum { POLL_US = 500, EXIT_FAILED = 1, EXIT_PENDING = 2 };

/* In the child. */
static _Noreturn void do_it(struct drill_ledger *ledger, errand_fn *fn, void *arg, pid_t parent)
{
	int status;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	moment_release_signals();
	if (getppid() != parent)
		_exit(EXIT_FAILED);
	status = fn(ledger, arg);
	/* Servers log connections that end without a word. */
	(void)sqla_engine_unregister(NULL);
	if (status == SQLA_PENDING)
		_exit(EXIT_PENDING);
	_exit(status < 0 ? EXIT_FAILED : 0);
}

pid_t errand_start(struct drill_ledger *ledger, errand_fn *fn, void *arg)
{
	const pid_t parent = getpid();
	const pid_t pid = fork();

	if (pid == 0)
		do_it(ledger, fn, arg, parent);
	return pid;
}

bool errand_kill(pid_t pid)
{
	int status;

	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		;
	return WIFSIGNALED(status);
}

static int fail(struct drill_ledger *ledger, int status, const char *message)
{
	ledger->trouble = (struct drill_trouble){ .status = status };
	(void)snprintf(ledger->trouble.message, sizeof(ledger->trouble.message), "%s", message);
	return status;
}

static int status_of(struct drill_ledger *ledger, int wait_status)
{
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == EXIT_FAILED)
		return ledger->trouble.status;
	if (WIFEXITED(wait_status))
		return WEXITSTATUS(wait_status) == EXIT_PENDING ? SQLA_PENDING : SQLA_OK;
	return fail(ledger, SQLA_EINDOUBT, "a process of the drill was ended from outside");
}

int errand_run(struct drill_ledger *ledger, errand_fn *fn, void *arg, int seconds)
{
	const int64_t deadline = moment_us() + (int64_t)seconds * 1000000;
	const pid_t pid = errand_start(ledger, fn, arg);
	int status;

	if (pid < 0)
		return fail(ledger, SQLA_ENOMEM, strerror(errno));
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (moment_us() > deadline) {
			(void)errand_kill(pid);
			return fail(ledger, SQLA_ETIMEOUT, "a database did not answer in time");
		}
		moment_sleep_us(POLL_US);
	}
	return status_of(ledger, status);
}
