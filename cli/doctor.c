/*
 * sqlassist doctor: what would hurt later, and what an administrator does
 * about it.
 */
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "report.h"
#include "tables.h"

enum task { EXAMINE, PRINT_SQL, PURGE };

struct doctor {
	enum task task;
	bool is_json;
	bool is_unreachable;	      /* some engine was */
	const char *engine;	      /* NULL: all */
	struct sqla_metadata *tables; /* to compare with, or NULL */
	json_t *found;		      /* while is_json */
	char last[64];		      /* engine that the latest finding was about */
};

static const char *const severities[] = {
	[SQLA_FINDING_OK] = "ok",
	[SQLA_FINDING_WARNING] = "warning",
	[SQLA_FINDING_ERROR] = "error",
};

/* ---- examining --------------------------------------------------------- */

static void print_finding(struct doctor *doctor, const struct sqla_finding *finding)
{
	if (strcmp(doctor->last, finding->engine) != 0) {
		printf("%s", doctor->last[0] ? "\n" : "");
		report_put(finding->engine);
		putchar('\n');
		(void)snprintf(doctor->last, sizeof(doctor->last), "%s", finding->engine);
	}
	printf("  %-8s %-35s ", severities[finding->severity], finding->check);
	report_put(finding->message);
	putchar('\n');
	if (finding->remedy[0]) {
		printf("  %-8s %-35s ", "", "  remedy");
		report_put(finding->remedy);
		putchar('\n');
	}
}

/* The words of the drivers for it. */
static bool is_about_reaching(const char *check)
{
	return strcmp(check, "connect") == 0 || strcmp(check, "open") == 0;
}

static void on_finding(const struct sqla_finding *finding, void *arg)
{
	struct doctor *doctor = arg;

	if (finding->severity == SQLA_FINDING_ERROR && is_about_reaching(finding->check))
		doctor->is_unreachable = true;
	if (!doctor->is_json) {
		print_finding(doctor, finding);
		return;
	}
	(void)json_array_append_new(doctor->found,
				    json_pack("{s:o, s:o, s:s, s:o, s:o}", "engine",
					      report_text(finding->engine), "check",
					      report_text(finding->check), "severity",
					      severities[finding->severity], "message",
					      report_text(finding->message), "remedy",
					      report_text(finding->remedy)));
}

static int examine(struct doctor *doctor)
{
	int worst;

	if (doctor->is_json)
		doctor->found = json_array();
	worst = sqla_doctor(doctor->engine, on_finding, doctor);
	if (worst < 0)
		return library_error();
	if (doctor->tables && !doctor->is_unreachable) {
		int status = tables_compare(doctor->tables, doctor->engine, on_finding, doctor);

		worst = status > worst ? status : worst;
	}
	if (doctor->is_json) {
		json_t *document = json_pack("{s:O, s:s}", "findings", doctor->found, "worst",
					     severities[worst]);

		if (report_json(document, false) != EXIT_GO_ON)
			return EXIT_USAGE;
	}
	if (doctor->is_unreachable)
		return EXIT_UNREACHABLE;
	return worst == SQLA_FINDING_ERROR ? EXIT_TROUBLE : EXIT_WELL;
}

/* ---- what an administrator runs ---------------------------------------- */

static int print_sql(struct doctor *doctor, const char *engine)
{
	char *sql = sqla_doctor_sql(engine);

	if (!sql)
		return library_error();
	if (doctor->is_json) {
		(void)json_object_set_new(doctor->found, engine, report_text(sql));
	} else {
		printf("-- engine ");
		report_put(engine);
		printf("\n%s\n", sql);
	}
	free(sql);
	return EXIT_WELL;
}

static int purge(struct doctor *doctor, const char *engine)
{
	int n = sqla_doctor_purge_tombstones(engine);

	if (n < 0)
		return library_error();
	if (doctor->is_json) {
		(void)json_object_set_new(doctor->found, engine, json_integer(n));
	} else {
		report_put(engine);
		printf(": %d tombstones forgotten\n", n);
	}
	return EXIT_WELL;
}

static int do_task(struct doctor *doctor, const char *engine)
{
	return doctor->task == PRINT_SQL ? print_sql(doctor, engine) : purge(doctor, engine);
}

/* One engine that fails does not keep the others from it. */
static int do_all(struct doctor *doctor)
{
	size_t n = sqla_engine_names(NULL, 0);
	const char **names = calloc(n, sizeof(*names));
	int worst = EXIT_WELL;

	if (!names)
		return usage_error("out of memory");
	n = sqla_engine_names(names, n);
	for (size_t i = 0; i < n; i++) {
		int status = do_task(doctor, names[i]);

		if (status > worst)
			worst = status;
	}
	free(names);
	return worst;
}

static int serve(struct doctor *doctor)
{
	const char *key = doctor->task == PRINT_SQL ? "sql" : "purged";
	int status;

	if (doctor->is_json)
		doctor->found = json_object();
	status = doctor->engine ? do_task(doctor, doctor->engine) : do_all(doctor);
	if (doctor->is_json &&
	    report_json(json_pack("{s:O}", key, doctor->found), false) != EXIT_GO_ON)
		return EXIT_USAGE;
	return status;
}

/* ---- options ----------------------------------------------------------- */

static int read_option(struct doctor *doctor, int c)
{
	enum task task = c == 's' ? PRINT_SQL : PURGE;

	switch (c) {
	case 'j':
		doctor->is_json = true;
		return EXIT_GO_ON;
	case 't':
		sqla_metadata_free(doctor->tables);
		doctor->tables = NULL;
		return tables_read(optarg, &doctor->tables);
	case 's':
	case 'p':
		if (doctor->task != EXAMINE && doctor->task != task)
			return usage_error("--sql and --purge-tombstones exclude each other");
		doctor->task = task;
		return EXIT_GO_ON;
	default:
		return common_option(c);
	}
}

/* Tables are declared for one engine: which one? */
static int ready_for_tables(struct doctor *doctor)
{
	if (doctor->task != EXAMINE)
		return usage_error("--tables goes with neither --sql nor --purge-tombstones");
	if (!doctor->engine && sqla_engine_names(NULL, 0) > 1)
		return usage_error("--tables compares one engine: name it");
	if (!doctor->engine)
		(void)sqla_engine_names(&doctor->engine, 1);
	return EXIT_GO_ON;
}

static int read_options(struct doctor *doctor, int argc, char **argv)
{
	static const struct option options[] = {
		COMMON_OPTIONS,
		{ "json", no_argument, NULL, 'j' },
		{ "tables", required_argument, NULL, 't' },
		{ "sql", no_argument, NULL, 's' },
		{ "purge-tombstones", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	int c, status;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		status = read_option(doctor, c);
		if (status != EXIT_GO_ON)
			return status;
	}
	status = common_ready(argc, argv, 1);
	if (status == EXIT_GO_ON)
		doctor->engine = argv[optind];
	return status == EXIT_GO_ON && doctor->tables ? ready_for_tables(doctor) : status;
}

int doctor_main(int argc, char **argv)
{
	struct doctor doctor = { .task = EXAMINE };
	int status = read_options(&doctor, argc, argv);

	if (status == EXIT_GO_ON)
		status = doctor.task == EXAMINE ? examine(&doctor) : serve(&doctor);
	json_decref(doctor.found);
	sqla_metadata_free(doctor.tables);
	return status;
}
