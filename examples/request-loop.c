/*
 * request-loop.c - serves requests in a loop, as a web server does. A request
 * is a line "sell NAME COUNT"; each is a transaction, and each is logged.
 *
 *	request-loop sqlite:///shop.db sqlite:///log.db <requests
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist.h>

/* What the server knows of a request. */
struct http {
	char line[128];
	int status; /* of the response */
};

/* The sale is written first: the veto or a failure takes it back. */
static int sell(struct sqla_request *rq, struct http *http)
{
	struct sqla_session *s = sqla_request_writer(rq);
	long long count;
	char name[64];
	int r;

	if (sscanf(http->line, "sell %63s %lld", name, &count) != 2 || count < 1) {
		http->status = 400;
		return 0; /* no failure: it has an answer */
	}
	if (!s)
		return sqla_error_last()->status;
	r = sqla_exec(s, "INSERT INTO sale(name, count) VALUES ($1, $2)", sqla_text(name),
		      sqla_int(count));
	if (r >= 0) /* fails when there are not so many */
		r = sqla_exec(s, "UPDATE stock SET count = count - $1 WHERE name = $2",
			      sqla_int(count), sqla_text(name));
	if (r >= 0 && sqla_session_affected(s) == 0)
		http->status = 404;
	return r;
}

/* An error page does not commit. */
static bool is_error_page(void *app_request, void *arg)
{
	const struct http *http = app_request;

	(void)arg;
	return http->status >= 400;
}

/* The log's engine is not joined, so that failures are logged, too. */
static int write_log(struct sqla_request *rq, int outcome, void *arg)
{
	struct http *http = sqla_request_app(rq);
	struct sqla_session *s = sqla_request_logger(rq);
	int r;

	(void)arg;
	if (outcome < 0 && http->status < 400)
		http->status = outcome == SQLA_ERETRY ? 503 : 500;
	if (!s)
		return sqla_error_last()->status;
	r = sqla_exec(s, "INSERT INTO access(line, status) VALUES ($1, $2)", sqla_text(http->line),
		      sqla_int(http->status));
	return r < 0 ? r : sqla_session_commit(s);
}

static int serve(struct http *http)
{
	struct sqla_request_options options = { .bound = SQLA_YES, .veto = is_error_page };
	struct sqla_request *rq;
	int r = sqla_request_begin_with(http, &options, &rq);

	if (r < 0)
		return r;
	r = sqla_request_on_finished(rq, write_log, NULL);
	if (r >= 0)
		r = sell(rq, http);
	r = sqla_request_end(rq, r);
	sqla_request_free(rq);
	return r;
}

static int make_tables(void)
{
	struct sqla_session *shop = NULL, *log = NULL;
	int r = sqla_session_open("writer", &shop);

	if (r >= 0)
		r = sqla_session_open("logger", &log);
	if (r >= 0)
		r = sqla_exec(shop, "CREATE TABLE IF NOT EXISTS sale(name TEXT, count INTEGER)");
	if (r >= 0)
		r = sqla_exec(shop, "CREATE TABLE IF NOT EXISTS stock(name TEXT PRIMARY KEY, "
				    "count INTEGER CHECK (count >= 0))");
	if (r >= 0)
		r = txn_commit();
	if (r >= 0)
		r = sqla_exec(log, "CREATE TABLE IF NOT EXISTS access(line TEXT, status INTEGER)");
	if (r >= 0)
		r = sqla_session_commit(log);
	sqla_session_close(log);
	sqla_session_close(shop);
	return r;
}

int main(int argc, char **argv)
{
	struct sqla_engine_options unjoined = { .joined = SQLA_NO };
	struct http http;
	int r;

	if (argc != 3)
		return fprintf(stderr, "usage: request-loop SHOP-URL LOG-URL\n"), 2;
	r = sqla_engine_register("writer", argv[1], NULL);
	if (r >= 0)
		r = sqla_engine_register("logger", argv[2], &unjoined);
	if (r >= 0) /* ends what an earlier crash left in doubt */
		r = sqla_recover(NULL, NULL, NULL, NULL);
	if (r >= 0)
		r = make_tables();
	if (r < 0)
		return fprintf(stderr, "%s\n", sqla_error_last()->message), 1;
	while (fgets(http.line, sizeof(http.line), stdin)) {
		http.line[strcspn(http.line, "\n")] = '\0';
		http.status = 200;
		r = serve(&http);
		printf("%d %s%s%s\n", http.status, http.line, r < 0 ? ": " : "",
		       r < 0 ? sqla_strerror(r) : "");
	}
	sqla_engine_unregister(NULL);
	return 0;
}
