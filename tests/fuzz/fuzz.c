#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlassist.h>

#include "support/must.h"

char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = strndup(size ? (const char *)data : "", size);

	if (!text)
		must_fail("out of memory");
	return text;
}

uint8_t fuzz_byte(struct fuzz_input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

char *fuzz_piece(struct fuzz_input *input, size_t *ret_size)
{
	size_t size = fuzz_byte(input);
	char *text;

	if (size > input->left)
		size = input->left;
	text = calloc(1, size + 1);
	if (!text)
		must_fail("out of memory");
	if (size)
		memcpy(text, input->at, size);
	input->at += size;
	input->left -= size;
	if (ret_size)
		*ret_size = size;
	return text;
}

void fuzz_write(const char *path, const void *data, size_t size)
{
	FILE *out = fopen(path, "w");

	if (!out || (size && fwrite(data, 1, size, out) != size) || fclose(out) != 0)
		must_fail("cannot write %s", path);
}

static void hear(const struct sqla_finding *finding, void *arg)
{
	(void)arg;
	fuzz_must(finding->message && finding->remedy);
}

void fuzz_recover_and_examine(const char *engine)
{
	static const struct sqla_recover_options now = { .grace_s = -1 };

	(void)sqla_recover(&now, NULL, NULL, NULL);
	(void)sqla_doctor(engine, hear, NULL);
	fuzz_must(sqla_engine_unregister(NULL) == 0);
}
