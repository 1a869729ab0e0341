/*
 * Runs a fuzz target over its corpus, or over the files that are named:
 *
 *	tests/fuzz/replay-gid [FILE...]
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "support/must.h"

/* Of just its size, so that a byte too many that is read is noticed. */
static void replay(const char *path)
{
	uint8_t *data = NULL;
	size_t size = 0, room = 0;
	FILE *in = fopen(path, "r");

	if (!in)
		must_fail("cannot read %s", path);
	do {
		room = 2 * room + 4096;
		data = realloc(data, room);
		if (!data)
			must_fail("out of memory");
		size += fread(data + size, 1, room - size, in);
	} while (size == room);
	(void)fclose(in);
	data = realloc(data, size ? size : 1);
	if (!data)
		must_fail("out of memory");
	/* The last line of the log names the input that failed. */
	(void)printf("%s\n", path);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay_corpus(const char *folder)
{
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, is_visible, alphasort);

	if (n <= 0)
		must_fail("nothing in %s", folder);
	for (int i = 0; i < n; i++) {
		char *path = must_printf("%s/%s", folder, entries[i]->d_name);

		replay(path);
		free(path);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char *argv[])
{
	const char *top = getenv("top_srcdir");
	char *corpus = must_printf("%s/tests/fuzz/corpus/%s", top ? top : ".", fuzz_name);

	if (argc == 1)
		replay_corpus(corpus);
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	free(corpus);
	return EXIT_SUCCESS;
}
