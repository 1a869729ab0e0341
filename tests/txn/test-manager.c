#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlassist/txn.h>

#include "support/test.h"
#include "txn/recorder.h"

Test(manager, current_looks_without_creating)
{
	cr_expect(eq(ptr, txn_current(), NULL));
	cr_assert(zero(int, txn_begin()));
	cr_expect(ne(ptr, txn_current(), NULL));
	cr_assert(zero(int, txn_abort()));
	cr_expect(eq(ptr, txn_current(), NULL));
}

Test(manager, begin_with_joined_resources_is_an_error_in_both_modes)
{
	struct txn_manager *m = txn_manager_new(TXN_MANAGER_EXPLICIT);
	struct recorder r;

	recorder_init(&r, "a");
	must_join(&r);
	cr_expect(eq(int, txn_begin(), SQLA_EALREADY));
	cr_expect(zero(int, r.released), "the transaction under way is untouched");
	cr_assert(zero(int, txn_abort()));
	cr_assert(zero(int, txn_manager_begin(m)));
	cr_expect(eq(int, txn_manager_begin(m), SQLA_EALREADY), "explicit: even without resources");
	txn_manager_free(m);
	recorder_close(&r);
}

Test(manager, begin_replaces_an_unused_transaction)
{
	char first[37];

	cr_assert(zero(int, txn_begin()));
	(void)strcpy(first, txn_uuid(txn_current()));
	cr_assert(zero(int, txn_begin()));
	cr_expect(ne(str, first, (char *)txn_uuid(txn_current())));
	cr_assert(zero(int, txn_abort()));
}

Test(manager, explicit_verbs_without_a_transaction_are_errors)
{
	struct txn_manager *m = txn_manager_new(TXN_MANAGER_EXPLICIT);
	struct txn_savepoint *sp;
	struct txn *txn;

	cr_expect(eq(int, txn_manager_commit(m), SQLA_ENOTXN));
	cr_expect(eq(int, txn_manager_abort(m), SQLA_ENOTXN));
	cr_expect(eq(int, txn_manager_doom(m), SQLA_ENOTXN));
	cr_expect(eq(int, txn_manager_savepoint(m, 0, &sp), SQLA_ENOTXN));
	cr_expect(eq(int, txn_manager_get(m, &txn), SQLA_ENOTXN));
	txn_manager_free(m);
}

Test(manager, implicit_verbs_make_a_transaction)
{
	struct txn *txn;

	cr_expect(zero(int, txn_commit()));
	cr_expect(zero(int, txn_abort()));
	cr_assert(zero(int, txn_manager_get(txn_manager_thread(), &txn)));
	cr_expect(eq(ptr, txn, txn_current()));
	cr_assert(zero(int, txn_abort()));
}

static void *other_thread(void *arg)
{
	*(bool *)arg = txn_current() == NULL && txn_begin() == 0;
	return NULL; /* with a transaction in hand: it is aborted */
}

Test(manager, every_thread_has_its_own)
{
	pthread_t thread;
	bool was_alone = false;

	cr_assert(zero(int, txn_begin()));
	cr_assert(zero(int, pthread_create(&thread, NULL, other_thread, &was_alone)));
	cr_assert(zero(int, pthread_join(thread, NULL)));
	cr_expect(was_alone);
	cr_assert(zero(int, txn_abort()));
}

static void *end_inside(void *arg)
{
	must_join(arg);
	return NULL;
}

Test(manager, a_thread_that_ends_inside_a_transaction_aborts_it)
{
	struct recorder r;
	pthread_t thread;

	recorder_init(&r, "a");
	cr_assert(zero(int, pthread_create(&thread, NULL, end_inside, &r)));
	cr_assert(zero(int, pthread_join(thread, NULL)));
	cr_expect(eq(str, recorder_log, (char *)"a.abort "));
	cr_expect(eq(int, r.released, 1));
	recorder_close(&r);
}

Test(manager, any_verb_on_a_finished_transaction_is_misuse)
{
	struct txn_manager *m = txn_manager_new(TXN_MANAGER_EXPLICIT);

	cr_assert(zero(int, txn_manager_begin(m)));
	cr_assert(zero(int, txn_manager_commit(m)));
	cr_expect(eq(int, txn_manager_commit(m), SQLA_ENOTXN), "the model commits it again");
	txn_manager_free(m);
	cr_expect(eq(int, txn_join(NULL, NULL, NULL), SQLA_EMISUSE));
}

static void *resume_and_commit(void *txn)
{
	int *status = malloc(sizeof(*status));

	*status = txn_resume(txn);
	if (*status == 0)
		*status = txn_commit();
	return status;
}

Test(manager, a_suspended_transaction_is_resumed_on_another_thread)
{
	struct recorder r;
	struct txn *txn;
	pthread_t thread;
	void *status;

	recorder_init(&r, "a");
	must_join(&r);
	cr_assert(zero(int, txn_suspend(&txn)));
	cr_expect(eq(ptr, txn_current(), NULL));
	cr_assert(zero(int, pthread_create(&thread, NULL, resume_and_commit, txn)));
	cr_assert(zero(int, pthread_join(thread, &status)));
	cr_expect(zero(int, *(int *)status));
	cr_expect(ne(ptr, strstr(recorder_log, "a.commit"), NULL));
	free(status);
	recorder_close(&r);
}

Test(manager, what_is_current_cannot_be_resumed)
{
	struct txn *txn;

	cr_expect(eq(int, txn_suspend(&txn), SQLA_ENOTXN));
	cr_assert(zero(int, txn_begin()));
	cr_expect(eq(int, txn_resume(txn_current()), SQLA_EALREADY));
	cr_expect(eq(int, txn_resume(NULL), SQLA_EMISUSE));
	cr_expect(eq(int, txn_suspend(NULL), SQLA_EMISUSE));
	cr_assert(zero(int, txn_abort()));
}

/* Runs FN in a forked child; its exit status is the number of failures. */
static int in_child(int (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int inherited(void)
{
	struct txn_savepoint *sp;
	int bad = 0;

	bad += txn_commit() != SQLA_EFORKED;
	bad += txn_doom() != SQLA_EFORKED;
	bad += txn_savepoint(0, &sp) != SQLA_EFORKED;
	bad += txn_abort() != SQLA_OK; /* let go of, here */
	bad += recorder_log[0] != '\0';
	bad += txn_begin() != SQLA_OK;
	bad += txn_commit() != SQLA_OK;
	return bad;
}

Test(manager, a_forked_child_cannot_end_its_parents_transaction)
{
	struct recorder r;

	recorder_init(&r, "a");
	must_join(&r);
	cr_expect(zero(int, in_child(inherited)));
	cr_expect(zero(int, txn_commit()));
	cr_expect(ne(ptr, strstr(recorder_log, "a.commit"), NULL));
	recorder_close(&r);
}

static pid_t forked;

static int fork_in_hook(struct txn *txn, void *arg)
{
	(void)txn;
	(void)arg;
	forked = fork();
	return 0;
}

static int exit_of_forked(void)
{
	int status = -1;

	(void)waitpid(forked, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

Test(manager, a_child_that_returns_from_a_before_commit_hook_commits_nothing)
{
	struct recorder r;
	int status;

	recorder_init(&r, "a");
	must_join(&r);
	cr_assert(zero(int, txn_before_commit(txn_current(), fork_in_hook, NULL)));
	status = txn_commit();
	if (forked == 0)
		_exit((status != SQLA_EFORKED) + (recorder_log[0] != '\0') +
		      (txn_abort() != SQLA_OK));
	cr_expect(zero(int, status));
	cr_expect(zero(int, exit_of_forked()));
	recorder_close(&r);
}

Test(manager, a_child_that_returns_from_a_before_abort_hook_aborts_nothing)
{
	struct recorder r;
	int status;

	recorder_init(&r, "a");
	must_join(&r);
	cr_assert(zero(int, txn_before_abort(txn_current(), fork_in_hook, NULL)));
	status = txn_abort();
	if (forked == 0)
		_exit((status != SQLA_OK) + (recorder_log[0] != '\0') + (txn_current() != NULL));
	cr_expect(zero(int, status));
	cr_expect(zero(int, exit_of_forked()));
	cr_expect(ne(ptr, strstr(recorder_log, "a.abort"), NULL));
	recorder_close(&r);
}

static int fork_in_work(void *arg)
{
	int *calls = arg;

	(*calls)++;
	forked = fork();
	return forked == 0 ? SQLA_ERETRY : SQLA_OK;
}

Test(manager, a_child_that_returns_from_the_work_of_txn_run_does_not_try_again)
{
	int calls = 0;
	int status = txn_run(3, fork_in_work, &calls);

	if (forked == 0)
		_exit((status != SQLA_ERETRY) + (calls != 1) + (txn_current() != NULL));
	cr_expect(zero(int, status));
	cr_expect(zero(int, exit_of_forked()));
}

static int disabled(void)
{
	struct txn *txn;
	int bad = 0;

	bad += txn_begin() != SQLA_EDISABLED;
	bad += txn_commit() != SQLA_EDISABLED;
	bad += txn_abort() != SQLA_EDISABLED;
	bad += txn_doom() != SQLA_EDISABLED;
	bad += txn_suspend(&txn) != SQLA_EDISABLED;
	bad += txn_current() != NULL;
	return bad;
}

Test(manager, every_verb_answers_disabled_when_the_environment_says_so)
{
	(void)setenv("SQLASSIST_DISABLE_TRANSACTION", "1", 1);
	cr_expect(zero(int, in_child(disabled)));
}

static int enabled(void)
{
	return txn_begin() != 0 || txn_commit() != 0;
}

Test(manager, a_malformed_or_zero_switch_disables_nothing)
{
	(void)setenv("SQLASSIST_DISABLE_TRANSACTION", "0", 1);
	cr_expect(zero(int, in_child(enabled)));
	(void)setenv("SQLASSIST_DISABLE_TRANSACTION", "yes please", 1);
	cr_expect(zero(int, in_child(enabled)));
}

Test(manager, a_thread_whose_manager_was_freed_gets_another)
{
	cr_assert(zero(int, txn_begin()));
	txn_manager_free(txn_manager_thread());
	cr_expect(eq(ptr, txn_current(), NULL));
	cr_expect(zero(int, txn_begin()));
	cr_expect(zero(int, txn_abort()));
}

static int free_manager(struct txn *txn, void *m)
{
	(void)txn;
	txn_manager_free(m);
	return 0;
}

Test(manager, that_commits_is_not_freed_by_a_hook)
{
	struct txn_manager *m = txn_manager_new(0);
	struct txn *txn;

	cr_assert(zero(int, txn_manager_get(m, &txn)));
	cr_assert(zero(int, txn_before_commit(txn, free_manager, m)));
	cr_expect(zero(int, txn_manager_commit(m)));
	cr_expect(eq(ptr, txn_manager_current(m), NULL));
	txn_manager_free(m);
}

Test(manager, bad_arguments_are_misuse)
{
	struct txn *txn;

	cr_expect(eq(ptr, txn_manager_new(64), NULL));
	cr_expect(eq(int, txn_manager_begin(NULL), SQLA_EMISUSE));
	cr_expect(eq(int, txn_manager_commit(NULL), SQLA_EMISUSE));
	cr_expect(eq(int, txn_manager_abort(NULL), SQLA_EMISUSE));
	cr_expect(eq(int, txn_manager_doom(NULL), SQLA_EMISUSE));
	cr_expect(eq(int, txn_manager_get(NULL, &txn), SQLA_EMISUSE));
	cr_expect(eq(int, txn_manager_get(txn_manager_thread(), NULL), SQLA_EMISUSE));
	cr_expect(eq(ptr, txn_manager_current(NULL), NULL));
	cr_expect(not(txn_manager_is_doomed(NULL)));
	txn_manager_free(NULL);
}
