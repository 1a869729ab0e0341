#include "sqlite/super.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/stream.h"
#include "sqlite/journal.h"

#define INFIX "-sqlassist-" /* between the database's name and a uuid */
#define UUID_TEXT (SUPER_UUID - 1)
#define UNFINISHED ".new"  /* until it is whole */
#define LIST_MAX (1 << 20) /* no list that we wrote is longer */

struct super {
	int fd, directory;
	char *path;
	char *unfinished; /* PATH with the suffix */
};

/* The uuid that TEXT begins with. */
static bool read_uuid(const char *text, char ret_uuid[UUID_TEXT + 1])
{
	char copy[UUID_TEXT + 1];
	uuid_t uuid;

	if (strnlen(text, UUID_TEXT) < UUID_TEXT)
		return false;
	memcpy(copy, text, UUID_TEXT);
	copy[UUID_TEXT] = '\0';
	if (uuid_parse(copy, uuid) != 0)
		return false;
	memcpy(ret_uuid, copy, sizeof(copy));
	return true;
}

/* ---- making it ------------------------------------------------------------------ */

/* Of the transaction, so that a journal tells by its name which one it was. */
static int name_it(struct super *super, const char *database, const char *uuid)
{
	if (asprintf(&super->path, "%s" INFIX "%s", database, uuid) < 0) {
		super->path = NULL;
		return -ENOMEM;
	}
	if (asprintf(&super->unfinished, "%s" UNFINISHED, super->path) < 0) {
		super->unfinished = NULL;
		return -ENOMEM;
	}
	return strlen(super->path) > JOURNAL_NAME_MAX ? -ENAMETOOLONG : 0;
}

static int open_directory(const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int error = copy ? errno : ENOMEM;

	free(copy);
	return fd < 0 ? -error : fd;
}

/* Whoever may open the database must be able to read it: SQLite does, before it
 * removes one. Another owner can be given by root alone; who cannot is not. */
static int open_unfinished(struct super *super, const char *database)
{
	struct stat st;

	if (stat(database, &st) < 0)
		return -errno;
	super->fd = open(super->unfinished, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (super->fd < 0 || fchmod(super->fd, st.st_mode & 0777) < 0)
		return -errno;
	if (geteuid() == 0 && fchown(super->fd, st.st_uid, st.st_gid) < 0)
		return -errno;
	return flock(super->fd, LOCK_EX) < 0 ? -errno : 0;
}

static int write_all(int fd, const char *from, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, from, n);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			from += written;
			n -= (size_t)written;
		}
	}
	return 0;
}

static int write_list(int fd, const char *const journals[], size_t n)
{
	char *list = NULL;
	size_t size = 0;
	FILE *stream = stream_open(&list, &size);
	int error = stream ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && stream; i++)
		(void)fwrite(journals[i], 1, strlen(journals[i]) + 1, stream);
	if (stream && fclose(stream) != 0)
		error = -ENOMEM;
	if (error == 0)
		error = write_all(fd, list, size);
	free(list);
	return error;
}

/* It is whole, and held, before it has its name. On the disk it may be less until
 * both syncs are done, and no journal names it before; the first one makes name and
 * content durable on most file systems, and the second has nothing left to do. */
static int make(struct super *super, const char *database, const char *uuid,
		const char *const journals[], size_t n)
{
	int error = name_it(super, database, uuid);

	if (error == 0)
		super->directory = open_directory(database);
	if (error == 0 && super->directory < 0)
		error = super->directory;
	if (error == 0)
		error = open_unfinished(super, database);
	if (error == 0)
		error = write_list(super->fd, journals, n);
	if (error == 0 && rename(super->unfinished, super->path) < 0)
		error = -errno;
	if (error == 0 && fsync(super->fd) < 0)
		error = -errno;
	if (error == 0 && fsync(super->directory) < 0)
		error = -errno;
	return error;
}

int super_create(const char *database, const char *uuid, const char *const journals[], size_t n,
		 struct super **ret_super)
{
	struct super *super = calloc(1, sizeof(*super));
	int error;

	if (!super)
		return -ENOMEM;
	super->fd = super->directory = -1;
	error = make(super, database, uuid, journals, n);
	if (error < 0) {
		if (super->fd >= 0) {
			(void)unlink(super->unfinished);
			(void)unlink(super->path);
		}
		super_free(super);
		return error;
	}
	*ret_super = super;
	return 0;
}

const char *super_path(const struct super *super)
{
	return super->path;
}

void super_free(struct super *super)
{
	if (!super)
		return;
	if (super->fd >= 0)
		(void)close(super->fd);
	if (super->directory >= 0)
		(void)close(super->directory);
	free(super->unfinished);
	free(super->path);
	free(super);
}

/* ---- the end of it ------------------------------------------------------------------ */

/*
 * Whoever else has removed it, has decided: the journals that name it commit.
 * Where it is still seen after a failure, it has not been touched.
 */
enum super_fate super_decide(struct super *super)
{
	if (unlink(super->path) < 0 && errno != ENOENT) {
		struct stat st;

		return stat(super->path, &st) == 0 ? SUPER_THERE : SUPER_UNKNOWN;
	}
	fault_here(group_unlinked);
	return fsync(super->directory) < 0 ? SUPER_UNKNOWN : SUPER_GONE;
}

bool super_may_be(const char *path)
{
	size_t length = strlen(path);

	return length > UUID_TEXT + strlen(INFIX) &&
	       strncmp(path + length - UUID_TEXT - strlen(INFIX), INFIX, strlen(INFIX)) == 0;
}

/* SQLite calls its own DATABASE-mjXXXXXX9XX. */
static bool is_of_sqlite(const char *name)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t length = strlen(name);
	const char *suffix = name + length - 12;

	return length > 12 && strncmp(suffix, "-mj", 3) == 0 && suffix[9] == '9' &&
	       strspn(suffix + 3, digits) == 9;
}

bool super_is_name(const char *path)
{
	char uuid[UUID_TEXT + 1];

	return is_of_sqlite(path) ||
	       (super_may_be(path) && read_uuid(path + strlen(path) - UUID_TEXT, uuid));
}

int super_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int error;

	if (fd < 0)
		return -errno;
	error = fstat(fd, &st) < 0 ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;
	if (error == 0)
		return fd;
	(void)close(fd);
	return -error;
}

/* Gone for good only when its folder says so on the disk: its maker may have died
 * in between. A folder that is not there may come back with what was in it. */
enum super_fate super_look(const char *path)
{
	int directory = open_directory(path);
	enum super_fate fate = SUPER_UNKNOWN;

	if (directory < 0)
		return SUPER_UNKNOWN;
	if (access(path, F_OK) == 0)
		fate = SUPER_THERE;
	else if (errno == ENOENT && fsync(directory) == 0)
		fate = SUPER_GONE;
	(void)close(directory);
	return fate;
}

void super_discard(struct super *super)
{
	if (unlink(super->path) < 0 && errno != ENOENT)
		log_warning("%s cannot be removed: %s", super->path, strerror(errno));
}

/* ---- those that are left behind ------------------------------------------------------ */

/* Whether a file NAME was made for the database BASE: 1, 2 if it is unfinished. */
static int is_ours(const char *name, const char *base)
{
	size_t prefix = strlen(base) + strlen(INFIX);
	char uuid[UUID_TEXT + 1];

	if (strncmp(name, base, strlen(base)) != 0 ||
	    strncmp(name + strlen(base), INFIX, strlen(INFIX)) != 0 ||
	    !read_uuid(name + prefix, uuid))
		return 0;
	name += prefix + UUID_TEXT;
	return !*name ? 1 : strcmp(name, UNFINISHED) == 0 ? 2 : 0;
}

bool super_transaction(const char *path, char ret_uuid[UUID_TEXT + 1])
{
	const char *at = NULL;

	for (const char *next = strstr(path, INFIX); next; next = strstr(next + 1, INFIX))
		at = next + strlen(INFIX);
	return at && read_uuid(at, ret_uuid);
}

size_t super_each(const char *database, super_found_fn *fn, void *arg)
{
	char *copy = strdup(database);
	const char *slash = strrchr(database, '/');
	const char *folder = copy ? dirname(copy) : ".";
	DIR *directory = copy ? opendir(folder) : NULL;
	struct dirent *entry;
	size_t n = 0;

	while (directory && slash && (entry = readdir(directory))) {
		int kind = is_ours(entry->d_name, slash + 1);
		char *path;

		if (!kind || asprintf(&path, "%s/%s", folder, entry->d_name) < 0)
			continue;
		n++;
		fn(path, kind == 1, arg);
		free(path);
	}
	if (directory)
		(void)closedir(directory);
	free(copy);
	return n;
}

/* What SQLite calls the files that may name one. */
static bool is_of_journal(const char *name)
{
	const char *dash = strrchr(name, '-');

	return dash && dash > name && (strcmp(dash, "-journal") == 0 || strcmp(dash, "-wal") == 0);
}

/* Each name with its NUL. A power failure may have cut it, or left zeros. */
static bool is_whole(const char *list, size_t size)
{
	if (size == 0 || list[size - 1] != '\0')
		return false;
	for (const char *name = list; name < list + size; name += strlen(name) + 1)
		if (!is_of_journal(name))
			return false;
	return true;
}

static int read_list(int fd, char **ret_list, size_t *ret_size)
{
	struct stat st;
	ssize_t got;
	char *list;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > LIST_MAX)
		return -EFBIG;
	list = malloc((size_t)st.st_size + 1);
	if (!list)
		return -ENOMEM;
	got = pread(fd, list, (size_t)st.st_size, 0);
	if (got >= 0 && is_whole(list, (size_t)got)) {
		*ret_list = list;
		*ret_size = (size_t)got;
		return 0;
	}
	free(list);
	return got < 0 ? -EIO : -EBADMSG;
}

int super_each_journal(int fd, super_journal_fn *fn, void *arg)
{
	char *list = NULL;
	size_t size = 0;
	int status = read_list(fd, &list, &size);

	for (const char *journal = list; status == 0 && journal < list + size;
	     journal += strlen(journal) + 1) {
		char *database = strndup(journal, (size_t)(strrchr(journal, '-') - journal));

		if (database)
			fn(database, journal, arg);
		else
			status = -ENOMEM;
		free(database);
	}
	free(list);
	return status;
}

/* A journal that cannot be read may name it. */
static bool may_name(const char *folder, const char *name, const char *super)
{
	char *path = NULL;
	bool may = true;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return true;
	may = journal_names(path, super) != 0;
	free(path);
	return may;
}

bool super_may_be_named_beside(const char *super)
{
	char *copy = strdup(super);
	const char *folder = copy ? dirname(copy) : NULL;
	DIR *directory = folder ? opendir(folder) : NULL;
	struct dirent *entry;
	bool may = !directory;

	while (!may && (entry = readdir(directory)))
		may = is_of_journal(entry->d_name) && may_name(folder, entry->d_name, super);
	if (directory)
		(void)closedir(directory);
	free(copy);
	return may;
}
