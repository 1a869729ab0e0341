/*
 * opt-out.c - writes a note, with the transaction manager and without it:
 * where SQLASSIST_DISABLE_TRANSACTION=1 is set, sessions commit themselves.
 * The program asks for nothing but the status it gets.
 *
 *	opt-out sqlite:///notes.db 'buy milk'
 *	SQLASSIST_DISABLE_TRANSACTION=1 opt-out sqlite:///notes.db 'buy milk'
 */
#include <stdio.h>

#include <sqlassist.h>

static int write_note(struct sqla_session *s, const char *text)
{
	int r = sqla_exec(s, "CREATE TABLE IF NOT EXISTS note(text TEXT NOT NULL)");

	if (r >= 0)
		r = sqla_exec(s, "INSERT INTO note(text) VALUES ($1)", sqla_text(text));
	return r;
}

static int run(const char *text)
{
	struct sqla_request_options options = { .bound = SQLA_YES };
	struct sqla_session *s;
	struct sqla_request *rq;
	bool is_disabled;
	int r;

	r = sqla_request_begin_with(NULL, &options, &rq);
	is_disabled = r == SQLA_EDISABLED;
	if (is_disabled)
		r = sqla_request_begin(NULL, &rq);
	if (r < 0)
		return r;
	s = sqla_request_session(rq, "notes");
	r = s ? write_note(s, text) : sqla_error_last()->status;
	if (r >= 0 && is_disabled)
		r = sqla_session_commit(s);
	r = sqla_request_end(rq, r); /* bound, it commits here */
	sqla_request_free(rq);
	if (r >= 0)
		puts(is_disabled ? "committed by itself" : "committed by the manager");
	return r;
}

int main(int argc, char **argv)
{
	int r;

	if (argc != 3)
		return fprintf(stderr, "usage: opt-out URL TEXT\n"), 2;
	/* NULL: joined, or not where that is disabled. */
	r = sqla_engine_register("notes", argv[1], NULL);
	if (r >= 0)
		r = run(argv[2]);
	if (r < 0)
		fprintf(stderr, "%s: %s %s\n", sqla_strerror(r), sqla_error_last()->message,
			sqla_error_last()->hint);
	sqla_engine_unregister(NULL);
	return r < 0;
}
