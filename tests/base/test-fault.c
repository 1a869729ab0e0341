#include "base/fault.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

#ifdef SQLA_FAULT_POINTS

/* How a child ends that arms SPEC and passes the point N times. */
static int end_of(const char *spec, int n)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		fault_arm(spec);
		while (n-- > 0)
			fault_here(commit_decided);
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

Test(fault, a_point_kills_only_when_it_is_armed_and_reached)
{
	cr_expect(zero(int, end_of(NULL, 1)));
	cr_expect(zero(int, end_of("claim_answered:kill", 1)));
	cr_expect(eq(int, end_of("commit_decided:kill", 1), SIGKILL));
	cr_expect(zero(int, end_of("commit_decided:kill:2", 2)));
	cr_expect(eq(int, end_of("commit_decided:kill:2", 3), SIGKILL));
}

Test(fault, an_unknown_point_or_action_is_not_taken_for_a_green_test)
{
	cr_expect(eq(int, end_of("no_such_point:kill", 1), SIGABRT));
	cr_expect(eq(int, end_of("commit_decided:explode", 1), SIGABRT));
}

Test(fault, an_action_happens_once)
{
	fault_arm("commit_decided:fail");
	cr_expect(eq(int, (int)fault_pass(FAULT_commit_decided), FAULT_FAIL));
	cr_expect(eq(int, (int)fault_pass(FAULT_commit_decided), FAULT_NONE));
	fault_arm("commit_decided:refuse");
	cr_expect(eq(int, (int)fault_pass(FAULT_commit_decided), FAULT_REFUSE));
}

Test(fault, every_point_has_a_name_and_a_text)
{
	for (int i = 0; i < FAULT_POINTS; i++) {
		cr_expect(gt(sz, strlen(fault_name((enum fault_point)i)), (size_t)0));
		cr_expect(gt(sz, strlen(fault_text((enum fault_point)i)), (size_t)0));
	}
}

#else

Test(fault, a_release_build_contains_no_points)
{
	cr_expect(eq(int, (int)fault_pass(FAULT_commit_decided), FAULT_NONE));
}

#endif
