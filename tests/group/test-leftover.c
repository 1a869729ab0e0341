/*
 * What a killed commit of three files leaves behind: recovery explains it as it
 * is, touches nothing when it only looks, ends it, and removes a super-journal
 * when nobody needs it and not before.
 */
#include <sqlassist.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "engine/engine.h"
#include "group/trio.h"
#include "support/disk.h"
#include "support/must.h"
#include "support/test.h"

#ifdef SQLA_FAULT_POINTS

static void setup(void)
{
	trio_make();
}

TestSuite(leftover, .init = setup);

/* ---- leaving it behind ------------------------------------------------------------- */

/* A child makes transfer NUMBER, and what is armed happens to it. Its pid; it has
 * been waited for. */
static pid_t transfer_until(const char *fault, const struct trio_modes *modes, int number)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		trio_open(modes);
		fault_arm(fault);
		_exit(trio_transfer(number) == 0 ? 0 : 1);
	}
	if (pid < 0 || waitpid(pid, &status, WUNTRACED) != pid ||
	    !(WIFSIGNALED(status) || WIFSTOPPED(status)))
		must_fail("%s: the child ended with %d", fault, status);
	return pid;
}

/* The super-journal is beside the first file. */
static void let_first_lead(void)
{
	struct sqla_engine_options never = { .decide = SQLA_DECIDE_NEVER };

	for (int i = 1; i < TRIO; i++)
		trio_options(i, &never);
}

static void leave(const char *fault, const struct trio_modes *modes)
{
	(void)transfer_until(fault, modes, 1);
}

/* Writes more to each file than its cache holds, and is killed. */
static void leave_spilled(const char *fault)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		trio_open(&trio_mixed);
		for (int i = 0; i < TRIO; i++) {
			trio_run(i, "PRAGMA main.cache_size = 5");
			trio_run(i,
				 "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n"
				 " WHERE i < 500) INSERT INTO row SELECT i, hex(randomblob(400))"
				 " FROM n");
		}
		fault_arm(fault);
		_exit(trio_transfer(1) == 0 ? 0 : 1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		must_fail("%s: the child ended with %d", fault, status);
}

/* ---- telling of it ----------------------------------------------------------------- */

struct tale {
	int journals, wals, supers;
	int ended, left;
	enum sqla_leftover_effect effects[16]; /* of journals, then of the super-journal */
	size_t n_effects;
	char uuid[40]; /* of all of them, or of those that have one */
	bool is_mixed; /* there were two */
	size_t databases;
	char evidence[2048], remedy[2048]; /* the last one's */
	char wal_remedy[2048];
};

static void note(const struct sqla_leftover *leftover, void *arg)
{
	struct tale *tale = arg;

	tale->journals += leftover->kind == SQLA_LEFTOVER_JOURNAL;
	tale->wals += leftover->kind == SQLA_LEFTOVER_WAL;
	tale->supers += leftover->kind == SQLA_LEFTOVER_SUPER;
	tale->ended += leftover->status == SQLA_OK;
	tale->left += leftover->status == SQLA_PENDING;
	if (tale->n_effects < 16)
		tale->effects[tale->n_effects++] = leftover->effect;
	if (tale->uuid[0] && leftover->uuid[0] && strcmp(tale->uuid, leftover->uuid) != 0)
		tale->is_mixed = true;
	if (leftover->uuid[0])
		(void)snprintf(tale->uuid, sizeof(tale->uuid), "%s", leftover->uuid);
	if (leftover->kind == SQLA_LEFTOVER_SUPER)
		tale->databases = leftover->n_databases;
	(void)snprintf(tale->evidence, sizeof(tale->evidence), "%s", leftover->evidence);
	(void)snprintf(tale->remedy, sizeof(tale->remedy), "%s", leftover->remedy);
	if (leftover->kind == SQLA_LEFTOVER_WAL)
		(void)snprintf(tale->wal_remedy, sizeof(tale->wal_remedy), "%s", leftover->remedy);
	cr_expect(ne(str, (char *)(uintptr_t)leftover->remedy, (char *)""));
	cr_expect(ne(str, (char *)(uintptr_t)leftover->stock, (char *)""));
	cr_expect(leftover->n_databases > 0 || leftover->kind == SQLA_LEFTOVER_SUPER);
}

static int told(const struct tale *tale, enum sqla_leftover_effect effect)
{
	int n = 0;

	for (size_t i = 0; i < tale->n_effects; i++)
		n += tale->effects[i] == effect;
	return n;
}

/* In this process, which has no connections. */
static struct tale pass(bool dry_run)
{
	struct tale tale = { .journals = 0 };
	const struct sqla_recover_options options = {
		.dry_run = dry_run,
		.leftover = note,
		.leftover_arg = &tale,
	};

	trio_register();
	cr_expect(ge(int, sqla_recover(&options, NULL, NULL, NULL), 0), "%s",
		  sqla_error_last()->message);
	cr_assert(zero(int, sqla_engine_unregister(NULL)));
	return tale;
}

static void expect_whole(int number, int has)
{
	char *violation = trio_violation();

	cr_expect(eq(ptr, violation, NULL), "%s", violation);
	cr_expect(eq(int, trio_has(number), has));
	cr_expect(zero(int, trio_leftovers()));
	free(violation);
}

static struct tale recover_all(int has)
{
	struct tale tale = pass(false);

	cr_expect(zero(int, tale.left), "%s", tale.evidence);
	expect_whole(1, has);
	tale = pass(false);
	cr_expect(zero(sz, tale.n_effects));
	return tale;
}

Test(leftover, of_files_that_were_held_is_rolled_back_and_no_transaction_is_named_by_journals)
{
	struct tale tale;

	leave("group_held:kill", &trio_mixed);
	tale = pass(true);
	cr_expect(eq(int, tale.journals, TRIO));
	cr_expect(eq(int, tale.supers, 1));
	cr_expect(eq(int, told(&tale, SQLA_EFFECT_ROLLBACK), TRIO));
	cr_expect(eq(int, told(&tale, SQLA_EFFECT_NONE), 1));
	cr_expect(eq(int, trio_leftovers(), 1));
	(void)recover_all(0);
}

Test(leftover, that_is_only_looked_at_stays_as_it_is)
{
	struct tale tale;

	leave("group_sealed:kill", &trio_mixed);
	tale = pass(true);
	cr_expect(eq(int, tale.journals, TRIO));
	cr_expect(eq(int, tale.supers, 1));
	cr_expect(eq(int, told(&tale, SQLA_EFFECT_ROLLBACK), TRIO + 1));
	cr_expect(eq(sz, tale.databases, TRIO));
	cr_expect(eq(int, tale.left, TRIO + 1));
	cr_expect(eq(sz, strlen(tale.uuid), 36));
	cr_expect(not(tale.is_mixed));
	cr_expect(eq(int, trio_sealed(), TRIO));
	cr_expect(eq(int, trio_leftovers(), 1));
	(void)recover_all(0);
}

Test(leftover, of_what_was_decided_is_committed_by_whoever_opens_it)
{
	struct tale tale;

	leave("group_unlinked:kill", &trio_mixed);
	tale = pass(true);
	cr_expect(eq(int, tale.journals, TRIO));
	cr_expect(zero(int, tale.supers));
	cr_expect(eq(int, told(&tale, SQLA_EFFECT_COMMIT), TRIO));
	cr_expect(eq(sz, strlen(tale.uuid), 36));
	cr_expect(eq(int, trio_sealed(), TRIO));
	trio_visit_with_shell(1);
	expect_whole(1, 1);
	tale = pass(true);
	cr_expect(zero(sz, tale.n_effects));
}

Test(leftover, of_a_super_journal_that_nobody_names_is_removed)
{
	struct tale tale;

	leave("group_created:kill", &trio_delete);
	tale = pass(true);
	cr_expect(eq(int, tale.supers, 1));
	cr_expect(eq(int, told(&tale, SQLA_EFFECT_NONE), 1));
	cr_expect(eq(int, trio_leftovers(), 1));
	(void)recover_all(0);
}

Test(leftover, of_files_that_had_spilled_their_cache_is_ended_as_it_was_decided)
{
	leave_spilled("group_sealed:kill");
	(void)recover_all(0);
	leave_spilled("group_unlinked:kill");
	(void)recover_all(1);
}

/* Whoever opens one file first, deals with that one; recovery with the others. */
Test(leftover, is_ended_where_a_stock_client_has_been_before)
{
	for (int first = 0; first < TRIO; first++) {
		(void)transfer_until("group_sealed:kill", &trio_mixed, first + 1);
		trio_visit_one_with_shell(first);
		cr_expect(eq(int, trio_sealed(), TRIO - 1));
		(void)pass(false);
		expect_whole(first + 1, 0);
	}
}

static void guarded(const char *fault, int supers, const char *word, int has)
{
	struct tale tale;

	leave(fault, &trio_wal);
	cr_assert(eq(int, trio_guarded(), TRIO));
	tale = pass(true);
	cr_expect(eq(int, tale.wals, TRIO));
	cr_expect(eq(int, tale.supers, supers));
	cr_expect(eq(int, told(&tale, SQLA_EFFECT_REFUSED), TRIO));
	cr_expect(eq(sz, strlen(tale.uuid), 36));
	cr_expect(not(tale.is_mixed));
	cr_expect(ne(ptr, strstr(tale.wal_remedy, word), NULL), "%s", tale.wal_remedy);
	cr_expect(eq(int, trio_guarded(), TRIO));
	(void)recover_all(has);
	cr_expect(zero(int, trio_guarded()));
}

Test(leftover, of_guarded_wals_that_are_undecided_is_rolled_back_by_recovery_alone)
{
	guarded("group_sealed:kill", 1, "rolled back", 0);
}

Test(leftover, of_guarded_wals_that_are_decided_is_committed_by_recovery_alone)
{
	guarded("group_unlinked:kill", 0, "committed", 1);
}

/* What is told before a pass opens anything: SQLite waits ten seconds for a WAL whose
 * writer stands still. */
static struct tale look_beside(void)
{
	struct tale tale = { .journals = 0 };

	trio_register();
	for (int i = 0; i < TRIO; i++) {
		struct engine *engine;
		struct engine_config *config;

		cr_assert(zero(int, engine_get(trio_engine(i), &engine)));
		config = engine_config(engine);
		config->driver->leftovers(config, note, &tale);
		engine_unref(engine);
	}
	cr_assert(zero(int, sqla_engine_unregister(NULL)));
	return tale;
}

Test(leftover, of_wals_that_a_living_process_has_guarded_is_none)
{
	pid_t pid = transfer_until("group_sealed:stop", &trio_wal, 1);
	struct tale tale = look_beside();
	int status = -1;

	cr_expect(eq(int, trio_guarded(), TRIO));
	cr_expect(zero(sz, tale.n_effects));
	cr_assert(zero(int, kill(pid, SIGCONT)));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(zero(int, status));
	expect_whole(1, 1);
}

/* Its files are locked, and its super-journal is held. */
Test(leftover, of_a_transaction_that_lives_is_none)
{
	pid_t pid = transfer_until("group_sealed:stop", &trio_persist, 1);
	struct tale tale = pass(true);
	int status = -1;

	cr_expect(zero(sz, tale.n_effects));
	tale = pass(false);
	cr_expect(zero(sz, tale.n_effects));
	cr_expect(eq(int, trio_sealed(), TRIO));
	cr_expect(eq(int, trio_leftovers(), 1));
	cr_assert(zero(int, kill(pid, SIGCONT)));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(zero(int, status));
	expect_whole(1, 1);
}

/* Nothing names its super-journal yet; soon all will. */
Test(leftover, of_a_transaction_that_has_not_sealed_its_files_is_none)
{
	pid_t pid = transfer_until("group_held:stop", &trio_wal, 1);
	struct tale tale = pass(false);
	int status = -1;

	cr_expect(zero(sz, tale.n_effects));
	cr_expect(zero(int, trio_guarded()));
	cr_expect(eq(int, trio_leftovers(), 1));
	cr_assert(zero(int, kill(pid, SIGCONT)));
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(zero(int, status));
	expect_whole(1, 1);
}

static char *read_file(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "r");
	char *bytes = malloc(65536);

	if (!file || !bytes)
		must_fail("cannot read %s", path);
	*ret_size = fread(bytes, 1, 65536, file);
	(void)fclose(file);
	return bytes;
}

static void write_file(const char *path, const char *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
		must_fail("cannot write %s", path);
}

/* ---- cold journals ------------------------------------------------------------------- */

/*
 * Makes journals cold that still name the super-journal: as a rollback leaves
 * them whose connection keeps its journal, when nobody could cut the name off.
 */
static void leave_cold(void)
{
	char *journals[TRIO], *super;
	size_t sizes[TRIO], size;
	char *bytes[TRIO], *list;

	leave("group_sealed:kill", &trio_persist);
	super = trio_super();
	list = read_file(super, &size);
	for (int i = 0; i < TRIO; i++) {
		journals[i] = must_printf("%s-journal", trio_path(i));
		bytes[i] = read_file(journals[i], &sizes[i]);
		memset(bytes[i], 0, 28);
	}
	trio_visit(0);
	for (int i = 0; i < TRIO; i++) {
		write_file(journals[i], bytes[i], sizes[i]);
		free(journals[i]);
		free(bytes[i]);
	}
	write_file(super, list, size);
	free(super);
	free(list);
}

Test(leftover, of_journals_that_are_cold_is_scrubbed_before_the_super_journal_goes)
{
	struct tale tale;

	leave_cold();
	tale = pass(true);
	cr_expect(eq(int, tale.journals, TRIO));
	cr_expect(eq(int, told(&tale, SQLA_EFFECT_NONE), TRIO));
	cr_expect(eq(int, trio_sealed(), TRIO));
	tale = pass(false);
	cr_expect(zero(int, trio_sealed()));
	expect_whole(1, 0);
}

Test(leftover, of_journals_that_are_cold_is_scrubbed_when_a_session_opens)
{
	leave_cold();
	trio_open(&trio_persist);
	cr_expect(zero(int, trio_sealed()));
	cr_expect(zero(int, trio_leftovers()));
	trio_close();
}

/* A writer may be about to write to that journal: it is not ours to empty. */
Test(leftover, of_a_cold_journal_is_left_while_somebody_writes)
{
	struct sqlite3 *writer = NULL;

	leave_cold();
	cr_assert(zero(int, sqlite3_open(trio_path(2), &writer)));
	cr_assert(zero(int, sqlite3_exec(writer, "BEGIN IMMEDIATE", NULL, NULL, NULL)));
	(void)pass(false);
	cr_expect(eq(int, trio_sealed(), 1));
	cr_expect(eq(int, trio_leftovers(), 1));
	cr_expect(zero(int, sqlite3_close(writer)));
	(void)pass(false);
	cr_expect(zero(int, trio_sealed()));
	expect_whole(1, 0);
}

/* Killed at each of its calls. */
Test(leftover, of_a_collector_that_was_killed_is_collected_by_the_next)
{
	int kills = 0;

	for (unsigned at = 1;; at++) {
		pid_t pid;
		int status = -1;

		trio_visit(0);
		trio_remove_leftovers();
		leave_cold();
		pid = fork();
		if (pid == 0) {
			disk_watch(trio_folder());
			disk_count(at);
			(void)pass(false);
			_exit(0);
		}
		cr_assert(eq(int, waitpid(pid, &status, 0), pid));
		if (!WIFSIGNALED(status))
			break;
		kills++;
		cr_expect(trio_sealed() == 0 || trio_leftovers() == 1, "call %u", at);
		(void)pass(false);
		cr_expect(zero(int, trio_sealed()));
		cr_expect(zero(int, trio_leftovers()));
	}
	cr_expect(gt(int, kills, 2 * TRIO));
}

/* ---- power ------------------------------------------------------------------------------ */

/* In a child: whether some state has a journal whose super-journal is gone, if
 * CALL is left out. */
static bool outlives(size_t omitted)
{
	for (unsigned seed = 0; seed < 16; seed++)
		for (size_t at = 0; at <= disk_calls(); at++) {
			disk_crash(at, seed, omitted);
			if (trio_sealed() > 0 && trio_leftovers() == 0)
				return true;
		}
	return false;
}

static int fail_power(void)
{
	int needed = 0;

	leave_cold();
	disk_record(trio_folder());
	(void)pass(false);
	disk_stop();
	disk_ignore_syncs();
	if (trio_sealed() > 0 || trio_leftovers() > 0)
		must_fail("it was not collected");
	if (outlives(DISK_NONE))
		must_fail("a name outlives its super-journal");
	for (size_t call = 0; call < disk_calls(); call++)
		needed += disk_is(call, "sync", "-journal") && outlives(call);
	/* Each of these syncs is needed: without it the check finds it. */
	return needed == TRIO ? 0 : 1;
}

Test(leftover, of_a_power_failure_in_the_collection_has_no_name_that_outlives_its_super_journal)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(fail_power());
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(zero(int, status));
}

/* ---- what cannot be read ------------------------------------------------------------------ */

Test(leftover, is_kept_while_a_file_that_it_lists_is_missing)
{
	struct tale tale;

	let_first_lead();
	leave("group_sealed:kill", &trio_delete);
	trio_rename("vault", "away");
	tale = pass(false);
	cr_expect(eq(int, tale.left, 1));
	cr_expect(eq(int, trio_leftovers(), 1));
	cr_expect(eq(int, trio_sealed(), 1));
	tale = pass(true);
	cr_expect(ne(ptr, strstr(tale.evidence, "Not there: "), NULL), "%s", tale.evidence);
	cr_expect(ne(ptr, strstr(tale.evidence, trio_path(2)), NULL), "%s", tale.evidence);
	trio_rename("away", "vault");
	(void)recover_all(0);
}

/* SQLite sees no journal that names it, and would remove it. */
Test(leftover, is_kept_while_a_folder_of_a_file_that_it_lists_is_missing)
{
	struct tale tale;

	let_first_lead();
	trio_move_to_folder(2, "mounted");
	leave("group_sealed:kill", &trio_mixed);
	cr_assert(eq(int, trio_sealed(), TRIO));
	trio_rename("mounted", "away");
	tale = pass(false);
	cr_expect(eq(int, tale.left, 1));
	cr_expect(eq(int, trio_leftovers(), 1));
	trio_rename("away", "mounted");
	cr_expect(eq(int, trio_sealed(), 1));
	(void)recover_all(0);
}

/* What came to the disk of it; the file's length may have, too. */
enum part { NOTHING, MOST, PARTS };

static void tear(enum part part, bool is_filled)
{
	char *super = trio_super();
	struct stat st;

	cr_assert(zero(int, stat(super, &st)));
	cr_assert(zero(int, truncate(super, part == MOST ? st.st_size - 3 : 0)));
	if (is_filled)
		cr_assert(zero(int, truncate(super, st.st_size)));
	free(super);
}

Test(leftover, of_a_super_journal_that_a_power_failure_tore_is_removed)
{
	static const struct {
		enum part part;
		bool is_filled;
	} ways[] = { { NOTHING, false }, { NOTHING, true }, { MOST, false }, { MOST, true } };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct tale tale;

		(void)transfer_until("group_created:kill", &trio_delete, 1);
		tear(ways[i].part, ways[i].is_filled);
		tale = pass(true);
		cr_expect(eq(int, tale.supers, 1));
		cr_expect(eq(int, told(&tale, SQLA_EFFECT_NONE), 1));
		cr_expect(ne(ptr, strstr(tale.evidence, "no whole list"), NULL), "%s",
			  tale.evidence);
		cr_expect(ne(ptr, strstr(tale.remedy, "sqlassist recover"), NULL), "%s",
			  tale.remedy);
		(void)recover_all(0);
	}
}

/* Against the rules: it was whole when its files were sealed. */
Test(leftover, of_a_super_journal_that_was_damaged_is_kept_while_it_is_named_beside)
{
	struct tale tale;

	let_first_lead();
	for (enum part part = NOTHING; part < PARTS; part++) {
		(void)transfer_until("group_sealed:kill", &trio_mixed, 1);
		tear(part, false);
		tale = pass(true);
		cr_expect(eq(int, told(&tale, SQLA_EFFECT_ROLLBACK), TRIO));
		cr_expect(eq(int, told(&tale, SQLA_EFFECT_UNKNOWN), 1));
		for (int i = 0; i < TRIO; i++) {
			cr_expect(eq(int, trio_leftovers(), 1));
			trio_visit_one_with_library(i);
		}
		cr_expect(zero(int, trio_sealed()));
		(void)recover_all(0);
	}
}

/* SQLite would take it for gone, and commit one file of three. */
Test(leftover, whose_super_journal_is_in_a_folder_that_is_not_there_is_not_opened)
{
	struct tale tale;
	struct sqla_session *s = NULL;

	let_first_lead();
	trio_move_to_folder(0, "mounted");
	leave("group_sealed:kill", &trio_delete);
	cr_assert(eq(int, trio_sealed(), TRIO));
	trio_rename("mounted", "away");
	trio_register();
	cr_assert(zero(int, sqla_session_open("ledger", &s)));
	cr_expect(eq(int, sqla_exec(s, "SELECT 1"), SQLA_ECONNECT));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "cannot be looked for"), NULL), "%s",
		  sqla_error_last()->message);
	cr_expect(ne(str, (char *)sqla_error_last()->hint, (char *)""));
	sqla_session_close(s);
	cr_expect(zero(int, txn_abort()));
	cr_assert(zero(int, sqla_engine_unregister(NULL)));
	tale = pass(false);
	cr_expect(eq(int, told(&tale, SQLA_EFFECT_UNKNOWN), 2));
	cr_expect(eq(int, tale.left, 2));
	trio_rename("away", "mounted");
	cr_expect(eq(int, trio_sealed(), TRIO));
	(void)recover_all(0);
}

#endif
