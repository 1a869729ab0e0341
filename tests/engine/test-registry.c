#include "engine/registry.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/fake.h"
#include "support/test.h"

static void must_register(const char *name)
{
	cr_assert(eq(int, sqla_engine_register(name, "fake://x", NULL), 0), "%s",
		  sqla_error_last()->message);
}

static bool says(const char *text)
{
	return strstr(sqla_error_last()->message, text) || strstr(sqla_error_last()->hint, text);
}

static void unregister_all(void)
{
	(void)sqla_engine_unregister(NULL);
}

TestSuite(registry, .fini = unregister_all);

Test(registry, names_come_in_the_order_of_registration)
{
	const char *names[2];

	must_register("writer");
	must_register("reader");
	must_register("logger");
	cr_assert(eq(sz, sqla_engine_names(names, 2), 3));
	cr_expect(eq(str, (char *)names[0], "writer"));
	cr_expect(eq(str, (char *)names[1], "reader"));
	cr_expect(eq(sz, sqla_engine_names(NULL, 0), 3));
}

Test(registry, the_first_engine_is_the_default_until_one_says_so)
{
	struct sqla_engine_options chosen = { .is_default = SQLA_YES };

	cr_expect(eq(ptr, (void *)sqla_engine_default(), NULL));
	must_register("a");
	must_register("b");
	cr_expect(eq(str, (char *)sqla_engine_default(), "a"));
	cr_assert(eq(int, sqla_engine_register("c", "fake://x", &chosen), 0));
	cr_expect(eq(str, (char *)sqla_engine_default(), "c"));
	cr_expect(eq(int, sqla_engine_register("d", "fake://x", &chosen), SQLA_EALREADY));
	cr_assert(eq(int, sqla_engine_unregister("c"), 0));
	cr_expect(eq(str, (char *)sqla_engine_default(), "a"));
}

Test(registry, an_unknown_name_is_refused_with_those_there_are)
{
	struct engine *engine;

	cr_expect(eq(int, engine_get("x", &engine), SQLA_ENOTFOUND));
	must_register("reader");
	must_register("writer");
	cr_expect(eq(int, engine_get("x", &engine), SQLA_ENOTFOUND));
	cr_expect(says("reader, writer"));
	cr_expect(eq(int, sqla_engine_unregister("x"), SQLA_ENOTFOUND));
	cr_expect(eq(int, sqla_engine_reinit("x"), SQLA_ENOTFOUND));
	cr_expect(eq(int, sqla_engine_set_scope("x", NULL), SQLA_ENOTFOUND));
}

Test(registry, a_name_is_taken_once)
{
	must_register("a");
	cr_expect(eq(int, sqla_engine_register("a", "fake://x", NULL), SQLA_EALREADY));
}

Test(registry, reserved_empty_and_long_names_are_refused)
{
	char name[65];

	memset(name, 'n', sizeof(name));
	name[64] = '\0';
	cr_expect(eq(int, sqla_engine_register("!all", "fake://x", NULL), SQLA_ECONFIG));
	cr_expect(eq(int, sqla_engine_register("!default", "fake://x", NULL), SQLA_ECONFIG));
	cr_expect(eq(int, sqla_engine_register("", "fake://x", NULL), SQLA_ECONFIG));
	cr_expect(eq(int, sqla_engine_register(name, "fake://x", NULL), SQLA_ECONFIG));
	name[63] = '\0';
	cr_expect(eq(int, sqla_engine_register(name, "fake://x", NULL), 0));
}

Test(registry, null_arguments_are_misuse)
{
	cr_expect(eq(int, sqla_engine_register(NULL, "fake://x", NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_engine_register("a", NULL, NULL), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_engines_load(NULL), SQLA_EMISUSE));
}

Test(registry, an_unknown_scheme_is_refused_with_the_known_ones)
{
	cr_expect(eq(int, sqla_engine_register("a", "mysql://x", NULL), SQLA_ECONFIG));
	cr_expect(says("fake://"));
	cr_expect(eq(int, sqla_engine_register("a", "fake://bad", NULL), SQLA_ECONFIG));
	cr_expect(eq(sz, sqla_engine_names(NULL, 0), 0));
}

Test(registry, passwords_stay_out_of_texts)
{
	cr_expect(eq(int, sqla_engine_register("a", "mysql://u:hunter2@h/d?password=hunter2", NULL),
		     SQLA_ECONFIG));
	cr_expect(not(says("hunter2")), "%s", sqla_error_last()->message);
}

Test(registry, joined_needs_scoped_and_no_autocommit)
{
	struct sqla_engine_options unscoped = { .scoped = SQLA_NO };
	struct sqla_engine_options autocommit = { .autocommit = SQLA_YES };

	cr_expect(eq(int, sqla_engine_register("a", "fake://x", &unscoped), SQLA_EMISUSE));
	cr_expect(eq(int, sqla_engine_register("a", "fake://x", &autocommit), SQLA_EMISUSE));
	unscoped.joined = autocommit.joined = SQLA_NO;
	cr_expect(eq(int, sqla_engine_register("a", "fake://x", &unscoped), 0));
	cr_expect(eq(int, sqla_engine_register("b", "fake://x", &autocommit), 0));
}

Test(registry, with_transactions_disabled_joined_is_refused_and_the_default_is_unjoined)
{
	struct sqla_engine_options joined = { .joined = SQLA_YES };
	struct engine *engine;

	cr_assert(eq(int, setenv("SQLASSIST_DISABLE_TRANSACTION", "1", 1), 0));
	cr_expect(eq(int, sqla_engine_register("a", "fake://x", &joined), SQLA_EDISABLED));
	cr_expect(says("SQLASSIST_DISABLE_TRANSACTION"));
	must_register("b");
	cr_assert(eq(int, engine_get("b", &engine), 0));
	cr_expect(eq(int, (int)engine_config(engine)->options.joined, SQLA_NO));
	engine_unref(engine);
}

Test(registry, an_engine_in_use_is_not_unregistered)
{
	struct engine *engine;

	must_register("a");
	must_register("b");
	cr_assert(eq(int, engine_get("b", &engine), 0));
	engine_use(engine);
	cr_expect(eq(int, sqla_engine_unregister("b"), SQLA_EALREADY));
	cr_expect(eq(int, sqla_engine_unregister(NULL), SQLA_EALREADY));
	cr_expect(eq(sz, sqla_engine_names(NULL, 0), 2));
	engine_unuse(engine);
	cr_expect(eq(int, sqla_engine_unregister(NULL), 0));
	cr_expect(eq(sz, sqla_engine_names(NULL, 0), 0));
	engine_unref(engine);
}

Test(registry, an_engine_in_use_says_who_has_a_connection_if_they_are_watched)
{
	struct sqla_engine_options options = { .pool_leak_ms = 3600000 };
	struct driver_conn *conn;
	struct engine *engine;

	cr_assert(eq(int, sqla_engine_register("w", "fake://w", &options), 0));
	cr_assert(eq(int, engine_get("w", &engine), 0));
	engine_use(engine);
	cr_assert(eq(int, engine_checkout(engine, &conn), 0));
	cr_expect(eq(int, sqla_engine_unregister("w"), SQLA_EALREADY));
	cr_expect(ne(ptr, strstr(sqla_error_last()->message, "a connection for "), NULL), "%s",
		  sqla_error_last()->message);
	engine_checkin(engine, conn);
	cr_expect(eq(int, sqla_engine_unregister("w"), SQLA_EALREADY));
	cr_expect(eq(ptr, strstr(sqla_error_last()->message, "a connection for "), NULL));
	engine_unuse(engine);
	engine_unref(engine);
}

Test(registry, a_reference_keeps_an_unregistered_engine)
{
	struct driver_conn *conn;
	struct engine *engine;

	must_register("a");
	cr_assert(eq(int, engine_get("a", &engine), 0));
	cr_assert(eq(int, engine_checkout(engine, &conn), 0));
	cr_assert(eq(int, sqla_engine_unregister("a"), 0));
	cr_expect(eq(str, (char *)engine_name(engine), "a"));
	engine_checkin(engine, conn);
	engine_unref(engine);
	cr_expect(eq(int, fake.closed, 1));
}

static int count_engines(struct engine *engine, void *arg)
{
	int *n = arg;

	(void)engine;
	return ++*n == 2 ? 42 : 0;
}

Test(registry, each_stops_at_the_first_answer)
{
	int n = 0;

	must_register("a");
	must_register("b");
	must_register("c");
	cr_expect(eq(int, engine_each(count_engines, &n), 42));
	cr_expect(eq(int, n, 2));
}

Test(registry, reinit_drops_idle_connections_at_once_and_others_when_they_come_back)
{
	struct driver_conn *idle, *busy;
	struct engine *engine;

	must_register("a");
	cr_assert(eq(int, engine_get("a", &engine), 0));
	cr_assert(eq(int, engine_checkout(engine, &idle), 0));
	cr_assert(eq(int, engine_checkout(engine, &busy), 0));
	engine_checkin(engine, idle);
	cr_expect(eq(int, fake.closed, 0));
	cr_assert(eq(int, sqla_engine_reinit(NULL), 0));
	cr_expect(eq(int, fake.closed, 1));
	engine_checkin(engine, busy);
	cr_expect(eq(int, fake.closed, 2));
	engine_unref(engine);
}

static uintptr_t one_scope(void)
{
	return 1;
}

Test(registry, a_scope_function_can_be_set_and_taken_back)
{
	struct engine *engine;

	must_register("a");
	cr_assert(eq(int, engine_get("a", &engine), 0));
	cr_expect(eq(ptr, (void *)(uintptr_t)engine_scope(engine), NULL));
	cr_assert(eq(int, sqla_engine_set_scope("a", one_scope), 0));
	cr_expect(engine_scope(engine) == one_scope);
	cr_assert(eq(int, sqla_engine_set_scope(NULL, NULL), 0));
	cr_expect(eq(ptr, (void *)(uintptr_t)engine_scope(engine), NULL));
	engine_unref(engine);
}

/* In a forked child: 0 if what the parent uses is not in use here. */
static int child_unregisters(void)
{
	return sqla_engine_unregister("a") == 0 ? 0 : 1;
}

Test(registry, a_forked_child_does_not_inherit_uses)
{
	struct engine *engine;
	int status = -1;
	pid_t pid;

	must_register("a");
	cr_assert(eq(int, engine_get("a", &engine), 0));
	engine_use(engine);
	pid = fork();
	if (pid == 0)
		_exit(child_unregisters());
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_expect(eq(int, status, 0));
	cr_expect(eq(int, sqla_engine_unregister("a"), SQLA_EALREADY));
	engine_unuse(engine);
	engine_unref(engine);
}
