#include "txn/metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/error.h"
#include "txn/txn.h"

struct extension {
	char *key;
	char *value;
	struct extension *next, *prev;
};

struct datum {
	const void *owner;
	void *data;
	struct datum *next, *prev;
};

struct metadata {
	char *description;
	char *user;
	struct extension *extensions;
	struct datum *data;
};

static void extension_free(struct extension *extension)
{
	free(extension->key);
	free(extension->value);
	free(extension);
}

void metadata_free(struct metadata *metadata)
{
	struct extension *extension, *next_extension;
	struct datum *datum, *next_datum;

	if (!metadata)
		return;
	DL_FOREACH_SAFE(metadata->extensions, extension, next_extension)
		extension_free(extension);
	DL_FOREACH_SAFE(metadata->data, datum, next_datum)
		free(datum);
	free(metadata->description);
	free(metadata->user);
	free(metadata);
}

/* Most transactions have none, so it is made on first use. */
static struct metadata *metadata_of(struct txn *txn)
{
	if (!txn->metadata)
		txn->metadata = calloc(1, sizeof(*txn->metadata));
	if (!txn->metadata)
		(void)error_nomem();
	return txn->metadata;
}

static int null_argument(const char *what)
{
	return error_set(SQLA_EMISUSE, NULL, NULL, "%s: an argument is NULL", what);
}

int txn_note(struct txn *txn, const char *text)
{
	struct metadata *metadata;
	char *longer;

	if (!txn || !text)
		return null_argument("txn_note");
	metadata = metadata_of(txn);
	if (!metadata)
		return SQLA_ENOMEM;
	if (asprintf(&longer, "%s%s%s", metadata->description ? metadata->description : "",
		     metadata->description ? "\n" : "", text) < 0)
		return error_nomem();
	free(metadata->description);
	metadata->description = longer;
	return 0;
}

const char *txn_description(const struct txn *txn)
{
	return txn && txn->metadata && txn->metadata->description ? txn->metadata->description : "";
}

int txn_set_user(struct txn *txn, const char *user)
{
	struct metadata *metadata;
	char *copy;

	if (!txn || !user)
		return null_argument("txn_set_user");
	metadata = metadata_of(txn);
	if (!metadata)
		return SQLA_ENOMEM;
	copy = strdup(user);
	if (!copy)
		return error_nomem();
	free(metadata->user);
	metadata->user = copy;
	return 0;
}

const char *txn_user(const struct txn *txn)
{
	return txn && txn->metadata && txn->metadata->user ? txn->metadata->user : "";
}

static struct extension *find_extension(const struct txn *txn, const char *key)
{
	struct extension *extension = NULL;

	if (txn->metadata)
		DL_FOREACH(txn->metadata->extensions, extension)
			if (strcmp(extension->key, key) == 0)
				break;
	return extension;
}

static int add_extension(struct metadata *metadata, const char *key, const char *value)
{
	struct extension *extension = calloc(1, sizeof(*extension));

	if (!extension)
		return error_nomem();
	extension->key = strdup(key);
	extension->value = strdup(value);
	if (!extension->key || !extension->value) {
		extension_free(extension);
		return error_nomem();
	}
	DL_APPEND(metadata->extensions, extension);
	return 0;
}

int txn_set_extension(struct txn *txn, const char *key, const char *value)
{
	struct extension *old;
	int status;

	if (!txn || !key)
		return null_argument("txn_set_extension");
	if (!metadata_of(txn))
		return SQLA_ENOMEM;
	old = find_extension(txn, key);
	if (value) {
		status = add_extension(txn->metadata, key, value);
		if (status < 0)
			return status;
	}
	if (old) {
		DL_DELETE(txn->metadata->extensions, old);
		extension_free(old);
	}
	return 0;
}

const char *txn_extension(const struct txn *txn, const char *key)
{
	struct extension *extension = txn && key ? find_extension(txn, key) : NULL;

	return extension ? extension->value : NULL;
}

static struct datum *find_datum(const struct txn *txn, const void *owner)
{
	struct datum *datum = NULL;

	if (txn->metadata)
		DL_FOREACH(txn->metadata->data, datum)
			if (datum->owner == owner)
				break;
	return datum;
}

int txn_set_data(struct txn *txn, const void *owner, void *data)
{
	struct datum *datum;

	if (!txn || !owner)
		return null_argument("txn_set_data");
	if (!metadata_of(txn))
		return SQLA_ENOMEM;
	datum = find_datum(txn, owner);
	if (!data) {
		if (datum)
			DL_DELETE(txn->metadata->data, datum);
		free(datum);
		return 0;
	}
	if (!datum) {
		datum = calloc(1, sizeof(*datum));
		if (!datum)
			return error_nomem();
		datum->owner = owner;
		DL_APPEND(txn->metadata->data, datum);
	}
	datum->data = data;
	return 0;
}

void *txn_data(const struct txn *txn, const void *owner)
{
	struct datum *datum = txn && owner ? find_datum(txn, owner) : NULL;

	return datum ? datum->data : NULL;
}
