#include "report.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "support/must.h"
#include "wire.h"

void report_header(const struct places *places, int n_threads)
{
	printf("\n%s, %d thread%s", places_shape(places)->title, n_threads,
	       n_threads == 1 ? "" : "s");
	if (places_delay_ms(places) > 0)
		printf(", %d ms away", places_delay_ms(places));
	putchar('\n');
	printf("  %-18s %9s %6s %9s %9s %9s %7s %7s %7s\n", "", "tx/s", "ratio", "p50 us", "p99 us",
	       "decided", "rounds", "commit", "syncs");
	(void)fflush(stdout);
}

static double us(int64_t ns)
{
	return (double)ns / 1000;
}

void report_line(const struct figures *f)
{
	printf("  %-18s %9.0f %6.2f %9.0f %9.0f %9.0f %7.2f %7.2f %7.2f", f->way->name, f->rate,
	       f->ratio, us(f->commit_p50), us(f->commit_p99), us(f->decided_p50), f->rounds,
	       f->commit_rounds, f->wal_syncs);
	if (f->failed > 0)
		printf("  %lld failed", (long long)f->failed);
	putchar('\n');
	(void)fflush(stdout);
}

/* Three digits behind the point are enough for a reader of the file. */
static json_t *number(double value)
{
	return json_real(round(value * 1000) / 1000);
}

json_t *report_figures(const struct places *places, int n_threads, const struct figures *f)
{
	const struct shape *shape = places_shape(places);

	return json_pack(
		"{s:s, s:s, s:i, s:i, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:I, s:I}",
		"shape", shape->name, "title", shape->title, "threads", n_threads, "delay_ms",
		places_delay_ms(places), "way", f->way->name, "is_baseline",
		f->way == way_baseline(shape), "rate", number(f->rate), "ratio", number(f->ratio),
		"commit_p50_us", number(us(f->commit_p50)), "commit_p99_us",
		number(us(f->commit_p99)), "decided_p50_us", number(us(f->decided_p50)), "rounds",
		number(f->rounds), "commit_rounds", number(f->commit_rounds), "messages",
		number(f->messages), "wal_syncs", number(f->wal_syncs), "transactions",
		(json_int_t)f->transactions, "failed", (json_int_t)f->failed);
}

/* ---- the machine ------------------------------------------------------------ */

/* The value of KEY's first line in a file of /proc, as new text. */
static char *proc_value(const char *path, const char *key)
{
	FILE *file = fopen(path, "re");
	char *line = NULL, *value = NULL;
	size_t size = 0;

	while (file && !value && getline(&line, &size, file) >= 0) {
		char *colon = strchr(line, ':');

		if (!colon || strncmp(line, key, strlen(key)) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		value = must_printf("%s", colon + 1 + strspn(colon + 1, " \t"));
	}
	free(line);
	if (file)
		(void)fclose(file);
	return value ? value : must_printf("unknown");
}

/* What a forced append costs at best: the unit of all that is measured. */
static int64_t sync_ns(const char *folder)
{
	enum { TRIES = 100 };
	static const char record[64];
	char *path = must_printf("%s/sync-probe", folder);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int64_t best = INT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		int64_t began = now_ns(), took;

		if (write(fd, record, sizeof(record)) != sizeof(record) || fdatasync(fd) != 0)
			must_fail("%s cannot be written", path);
		took = now_ns() - began;
		best = took < best ? took : best;
	}
	(void)close(fd);
	(void)unlink(path);
	free(path);
	return best;
}

#ifdef SQLA_FAULT_POINTS
static const bool has_fault_points = true;
#else
static const bool has_fault_points = false;
#endif
#ifdef __OPTIMIZE__
static const bool is_optimized = true;
#else
static const bool is_optimized = false;
#endif

json_t *report_machine(const char *folder, double seconds)
{
	double load = 0;
	char *cpu = proc_value("/proc/cpuinfo", "model name");
	char *memory = proc_value("/proc/meminfo", "MemTotal");
	struct utsname kernel;
	json_t *machine;

	(void)uname(&kernel);
	(void)getloadavg(&load, 1);
	machine = json_pack("{s:s, s:i, s:s, s:s, s:i, s:s, s:o, s:b, s:b, s:o, s:o}", "processor",
			    cpu, "processors", (int)sysconf(_SC_NPROCESSORS_ONLN), "memory", memory,
			    "kernel", kernel.release, "libpq", PQlibVersion(), "sqlite",
			    sqlite3_libversion(), "fdatasync_us", number(us(sync_ns(folder))),
			    "fault_points", has_fault_points, "optimized", is_optimized, "load",
			    number(load), "seconds", number(seconds));
	free(cpu);
	free(memory);
	return machine;
}
