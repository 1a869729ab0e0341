/*
 * What lies beside a SQLite file after a crash, or because somebody put it there:
 * a journal, and a super-journal of this library. The input is a name, which the
 * record at the journal's end gives to its super-journal; what the super-journal
 * lists; and what the journal holds before that record.
 *
 * A stranger's files are listed and named as one likes; none is changed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlassist.h>

#include "fuzz/fuzz.h"
#include "sqlite/collect.h"
#include "sqlite/journal.h"
#include "sqlite/super.h"
#include "support/must.h"
#include "support/scratch.h"

const char fuzz_name[] = "journal";

#define DATABASE "x.db"
#define JOURNAL DATABASE "-journal"
#define SUPER DATABASE "-sqlassist-77777777-7777-4777-8777-777777777777"
#define STRANGER "stranger"

static void must_be_alone(const char *path)
{
	char held[32] = "";
	FILE *in = fopen(path, "r");

	fuzz_must(in);
	(void)fread(held, 1, sizeof(held) - 1, in);
	(void)fclose(in);
	fuzz_must(strcmp(held, STRANGER) == 0);
}

/* A journal with a record at its end, as the VFS would leave it. */
static void write_journal(const char *name, size_t length, const void *pages, size_t size)
{
	static const unsigned char magic[] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };
	FILE *out = fopen(JOURNAL, "w");
	uint32_t sum = 0;

	fuzz_must(out);
	if (size)
		(void)fwrite(pages, 1, size, out);
	for (size_t i = 0; i < length; i++) {
		int c = name[i];

		sum += (uint32_t)c;
	}
	if (length) {
		const unsigned char tail[] = {
			0,
			0,
			(unsigned char)(length >> 8),
			(unsigned char)length,
			(unsigned char)(sum >> 24),
			(unsigned char)(sum >> 16),
			(unsigned char)(sum >> 8),
			(unsigned char)sum,
		};

		(void)fwrite("\0\0\0\1", 1, 4, out);
		(void)fwrite(name, 1, length, out);
		(void)fwrite(tail, 1, sizeof(tail), out);
		(void)fwrite(magic, 1, sizeof(magic), out);
	}
	fuzz_must(fclose(out) == 0);
}

static void remove_all(void)
{
	static const char *const names[] = { DATABASE, JOURNAL, SUPER };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(names[i]);
}

static void open_database(const char *path)
{
	char *url = must_printf("sqlite:///%s", path);
	struct sqla_session *s = NULL;

	fuzz_must(sqla_engine_register("x", url, NULL) == 0);
	if (sqla_session_open("x", &s) == 0)
		(void)sqla_exec(s, "INSERT INTO t VALUES (1)");
	(void)txn_abort();
	sqla_session_close(s);
	fuzz_must(sqla_engine_unregister("x") == 0);
	free(url);
}

static void pass_by(const char *path, bool is_whole, void *arg)
{
	(void)path;
	(void)is_whole;
	(void)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	size_t length, listed;
	char *name = fuzz_piece(&input, &length), *list = fuzz_piece(&input, &listed);
	char *path = scratch_path(DATABASE);

	fuzz_must(chdir(scratch_dir()) == 0);
	remove_all();
	must_exec_file(path, "PRAGMA page_size = 512; CREATE TABLE t(i); INSERT INTO t VALUES (1)");
	fuzz_write(STRANGER, STRANGER, strlen(STRANGER));
	fuzz_write(STRANGER "-journal", STRANGER, strlen(STRANGER));
	fuzz_write(SUPER, list, listed);
	write_journal(name, length, input.at, input.left);

	fuzz_must(super_each(path, pass_by, NULL) == 1);
	if (length > 0 && length <= JOURNAL_NAME_MAX && !memchr(name, '\0', length))
		fuzz_must(journal_names(JOURNAL, name) == 1);
	collect_supers(path, 0);
	open_database(path);
	must_be_alone(STRANGER);
	must_be_alone(STRANGER "-journal");
	free(path);
	free(list);
	free(name);
	return 0;
}
