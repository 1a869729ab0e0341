/*
 * queue-worker.c - does the jobs of a queue. A job leaves the queue, in one
 * database, and its result appears in another, both or neither, so that none
 * is lost or done twice, whatever crashes in between. Any number of workers may
 * run. (DELETE ... RETURNING needs SQLite 3.35.)
 *
 *	queue-worker sqlite:///queue.db postgresql:///results
 */
#include <stdio.h>

#include <sqlassist.h>

#define ATTEMPTS 20

struct job {
	int64_t id; /* 0: the queue is empty */
	int64_t number;
};

/* Writing comes first, so that workers on one SQLite file wait for each other
 * instead of failing each other. An engine may have any name; "reader" and
 * "writer" are mere conventions. */
static int take(struct sqla_request *rq, struct job *job)
{
	struct sqla_session *queue = sqla_request_session(rq, "queue");
	struct sqla_rows *rows;
	int r, closed;

	job->id = 0;
	if (!queue)
		return sqla_error_last()->status;
	r = sqla_query(queue, &rows,
		       "DELETE FROM job WHERE id = (SELECT min(id) FROM job "
		       "WHERE failure IS NULL) RETURNING id, number");
	if (r < 0)
		return r;
	r = sqla_rows_next(rows);
	if (r > 0) {
		job->id = sqla_rows_int(rows, 0);
		job->number = sqla_rows_int(rows, 1);
	}
	closed = sqla_rows_close(rows);
	return r < 0 ? r : closed;
}

/* The work: here, a square. The database refuses what is too large for it. */
static int work(struct sqla_request *rq, const struct job *job)
{
	struct sqla_session *results = sqla_request_session(rq, "results");

	if (!results)
		return sqla_error_last()->status;
	return sqla_exec(results, "INSERT INTO result(id, value) VALUES ($1, $2)",
			 sqla_int(job->id), sqla_int(job->number * job->number));
}

static int begin(struct sqla_request **ret_rq)
{
	struct sqla_request_options options = { .bound = SQLA_YES };

	return sqla_request_begin_with(NULL, &options, ret_rq);
}

static int do_next(struct job *job)
{
	struct sqla_request *rq;
	int r = begin(&rq);

	if (r < 0)
		return r;
	r = take(rq, job);
	if (r >= 0 && job->id)
		r = work(rq, job);
	r = sqla_request_end(rq, r);
	sqla_request_free(rq);
	return r;
}

/* So that it is not tried for ever. */
static int set_aside(const struct job *job)
{
	struct sqla_error why = *sqla_error_last();
	struct sqla_session *queue;
	struct sqla_request *rq;
	int r = begin(&rq);

	if (r < 0)
		return r;
	queue = sqla_request_session(rq, "queue");
	r = queue ? sqla_exec(queue, "UPDATE job SET failure = $1 WHERE id = $2",
			      sqla_text(why.message), sqla_int(job->id)) :
		    sqla_error_last()->status;
	r = sqla_request_end(rq, r);
	sqla_request_free(rq);
	return r;
}

/* Until the queue is empty. Another worker may have been faster: again. */
static int do_all(void)
{
	struct job job = { 0 };
	int attempts = ATTEMPTS;
	int r;

	do {
		r = do_next(&job);
		if (r == SQLA_EDATABASE && job.id)
			r = set_aside(&job);
		if (r >= 0)
			attempts = ATTEMPTS;
	} while ((r >= 0 && job.id) || (r == SQLA_ERETRY && --attempts > 0));
	return r;
}

int main(int argc, char **argv)
{
	int r;

	if (argc != 3)
		return fprintf(stderr, "usage: queue-worker QUEUE-URL RESULTS-URL\n"), 2;
	r = sqla_engine_register("queue", argv[1], NULL);
	if (r >= 0)
		r = sqla_engine_register("results", argv[2], NULL);
	if (r >= 0) /* ends what an earlier crash left in doubt */
		r = sqla_recover(NULL, NULL, NULL, NULL);
	if (r >= 0)
		r = do_all();
	if (r < 0)
		fprintf(stderr, "%s: %s %s\n", sqla_strerror(r), sqla_error_last()->message,
			sqla_error_last()->hint);
	sqla_engine_unregister(NULL);
	return r < 0;
}
