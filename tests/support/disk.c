#include "support/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/place.h"
#include "support/must.h"

#define FDS 1024
#define OBJECTS 512 /* files, whatever they are called; 0 is the folder */
#define NOT_OURS (-1)

enum verb { CREATE, WRITE, TRUNCATE, SYNC, UNLINK, RENAME, LOOK, LOCK };

struct call {
	enum verb verb;
	int object;
	const char *name, *to; /* inside the folder */
	off_t offset;	       /* TRUNCATE: the size */
	size_t n;
	unsigned char *data;
};

struct bytes {
	unsigned char *data;
	size_t size;
};

struct name {
	char *text;
	int object;
};

/* Guarded by lock, as far as threads of the program under test reach it: */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char *folder;
static bool is_watching, is_counting, is_recording, ignores_syncs;
static unsigned counted, kills_at;
static struct disk_failure failure;
static bool is_failing;
static unsigned met; /* calls that the failure is about */
static struct place place;
static bool fails_decision;
static int fds[FDS];
static struct name names[OBJECTS];
static size_t n_names;
static int n_objects = 1;
static struct call *calls;
static size_t n_calls, room;
static struct bytes initial[OBJECTS];
static struct name initial_names[OBJECTS];
static size_t n_initial;

/* ---- which file it is ------------------------------------------------------------ */

/* PATH inside the folder, "" for the folder; NULL: elsewhere, or nobody minds. */
static const char *inside(const char *path)
{
	size_t length = folder ? strlen(folder) : 0;

	if (!is_watching || !length || strncmp(path, folder, length) != 0)
		return NULL;
	return path[length] == '/' ? path + length + 1 : path[length] ? NULL : "";
}

static int find(const char *name)
{
	for (size_t i = 0; i < n_names; i++)
		if (strcmp(names[i].text, name) == 0)
			return (int)i;
	return -1;
}

static void forget(const char *name)
{
	int i = find(name);

	if (i < 0)
		return;
	free(names[i].text);
	names[i] = names[--n_names];
}

static char *copy(const char *text)
{
	char *new = strdup(text);

	if (!new)
		must_fail("out of memory");
	return new;
}

static int add(const char *name, int object)
{
	forget(name);
	if (n_names == OBJECTS || n_objects == OBJECTS)
		must_fail("too many files");
	names[n_names++] = (struct name){ copy(name), object };
	return object;
}

/* Who does not record tells none from the other, and may make any number. */
static int new_object(void)
{
	return is_recording ? n_objects++ : 1;
}

static int object_of(int fd)
{
	return fd >= 0 && fd < FDS && folder ? fds[fd] : NOT_OURS;
}

/* ---- counting and recording --------------------------------------------------------- */

static bool is_decision(const struct call *call)
{
	const struct call *before = n_calls ? &calls[n_calls - 1] : NULL;

	return fails_decision && call->verb == SYNC && call->object == 0 && before &&
	       before->verb == UNLINK && strstr(before->name, "-sqlassist-");
}

static bool is_about(enum verb verb)
{
	switch (failure.of) {
	case DISK_CHANGES:
		return verb != LOOK && verb != LOCK;
	case DISK_WRITES:
		return verb == WRITE;
	case DISK_DATA:
		return verb != LOCK;
	case DISK_ALL:
		break;
	}
	return true;
}

/* Whether the call fails: then errno is set. One that is cut short does not. */
static bool fails(enum verb verb)
{
	if (!is_failing || !is_about(verb))
		return false;
	met++;
	if (!failure.at || met < failure.at || (met > failure.at && !failure.forever) ||
	    (met == failure.at && failure.is_short))
		return false;
	if (!place.n)
		place_take(&place);
	errno = failure.error;
	return true;
}

/* Of a write that is next: how much of it is done. */
static size_t shortened(size_t n)
{
	return is_failing && failure.is_short && met + 1 == failure.at && n > 1 ? n / 2 : n;
}

/* Whether the call is to be done; else errno is set. */
static bool pass(struct call call, const void *data)
{
	if (is_counting && ++counted == kills_at)
		(void)raise(SIGKILL);
	if (fails(call.verb))
		return false;
	if (!is_recording)
		return true;
	if (is_decision(&call)) {
		fails_decision = false;
		errno = EIO;
		return false;
	}
	if (n_calls == room) {
		room = room ? 2 * room : 256;
		calls = realloc(calls, room * sizeof(*calls));
		if (!calls)
			must_fail("out of memory");
	}
	if (data) {
		call.data = malloc(call.n + 1);
		if (!call.data)
			must_fail("out of memory");
		memcpy(call.data, data, call.n);
	}
	if (call.name)
		call.name = copy(call.name);
	if (call.to)
		call.to = copy(call.to);
	calls[n_calls++] = call;
	return true;
}

static void enter(void)
{
	(void)pthread_mutex_lock(&lock);
}

static void leave(void)
{
	(void)pthread_mutex_unlock(&lock);
}

static bool may_do(enum verb verb, int fd, const char *path)
{
	bool is_ours, may;

	if (!is_failing || (!path && object_of(fd) == NOT_OURS))
		return true;
	enter();
	is_ours = !path || inside(path);
	may = !is_ours || !fails(verb);
	leave();
	return may;
}

bool disk_may_look(int fd, const char *path)
{
	return may_do(LOOK, fd, path);
}

bool disk_may_lock(int fd)
{
	return may_do(LOCK, fd, NULL);
}

bool disk_is_broken(void)
{
	return is_failing && failure.forever && failure.at && met >= failure.at;
}

/* ---- the calls ------------------------------------------------------------------------- */

static int open_any(const char *path, int flags, mode_t mode)
{
	const char *name;
	bool is_new, is_done = true;
	int fd = -1;

	enter();
	name = inside(path);
	is_new = name && *name && (flags & O_CREAT) &&
		 syscall(SYS_faccessat, AT_FDCWD, path, F_OK) < 0;
	if (is_new)
		is_done = pass((struct call){ .verb = CREATE, .object = n_objects, .name = name },
			       NULL);
	else if (name)
		is_done = !fails(LOOK);
	if (is_done)
		fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (fd >= 0 && fd < FDS) {
		fds[fd] = !name	 ? NOT_OURS :
			  !*name ? 0 :
			  is_new ? add(name, new_object()) :
				   NOT_OURS;
		if (name && *name && !is_new && find(name) >= 0)
			fds[fd] = names[find(name)].object;
	}
	leave();
	return fd;
}

#define OPEN(which)                                          \
	int which(const char *path, int flags, ...)          \
	{                                                    \
		mode_t mode = 0;                             \
		va_list ap;                                  \
                                                             \
		va_start(ap, flags);                         \
		if (flags & O_CREAT)                         \
			mode = (mode_t)va_arg(ap, unsigned); \
		va_end(ap);                                  \
		return open_any(path, flags, mode);          \
	}
OPEN(open)
OPEN(open64)

/* The name is free for whatever else is opened. */
int close(int fd)
{
	enter();
	if (fd >= 0 && fd < FDS)
		fds[fd] = NOT_OURS;
	leave();
	return (int)syscall(SYS_close, fd);
}

/* Whether it is to be done; of a write, CALL->n bytes. */
static bool pass_fd(int fd, struct call *call, const void *data)
{
	bool is_done = true;

	enter();
	call->object = object_of(fd);
	if (call->object > 0) {
		if (call->verb == WRITE)
			call->n = shortened(call->n);
		is_done = pass(*call, data);
	}
	leave();
	return is_done;
}

ssize_t write(int fd, const void *from, size_t n)
{
	struct call call = { .verb = WRITE, .n = n };

	if (object_of(fd) > 0)
		call.offset = (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
	return pass_fd(fd, &call, from) ? syscall(SYS_write, fd, from, call.n) : -1;
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t offset)
{
	struct call call = { .verb = WRITE, .offset = offset, .n = n };

	return pass_fd(fd, &call, from) ? syscall(SYS_pwrite64, fd, from, call.n, offset) : -1;
}

ssize_t pwrite64(int fd, const void *from, size_t n, off64_t offset)
{
	return pwrite(fd, from, n, offset);
}

int ftruncate(int fd, off_t size)
{
	struct call call = { .verb = TRUNCATE, .offset = size };

	return pass_fd(fd, &call, NULL) ? (int)syscall(SYS_ftruncate, fd, size) : -1;
}

int ftruncate64(int fd, off64_t size)
{
	return ftruncate(fd, size);
}

static int sync_any(int fd, long number)
{
	bool is_done = true;

	enter();
	if (object_of(fd) >= 0)
		is_done = pass((struct call){ .verb = SYNC, .object = object_of(fd) }, NULL);
	leave();
	if (!is_done)
		return -1;
	return ignores_syncs ? 0 : (int)syscall(number, fd);
}

int fsync(int fd)
{
	return sync_any(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return sync_any(fd, SYS_fdatasync);
}

int unlink(const char *path)
{
	const char *name;
	bool is_done = true;

	enter();
	name = inside(path);
	if (name && find(name) >= 0) {
		is_done = pass((struct call){ .verb = UNLINK, .name = name }, NULL);
		if (is_done)
			forget(name);
	}
	leave();
	return is_done ? (int)syscall(SYS_unlink, path) : -1;
}

int rename(const char *from, const char *to)
{
	const char *name, *new_name;
	bool is_done = true;

	enter();
	name = inside(from);
	new_name = inside(to);
	if (name && new_name && find(name) >= 0) {
		int object = names[find(name)].object;

		is_done = pass((struct call){ .verb = RENAME,
					      .object = object,
					      .name = name,
					      .to = new_name },
			       NULL);
		if (is_done) {
			forget(name);
			(void)add(new_name, object);
		}
	}
	leave();
	return is_done ? (int)syscall(SYS_rename, from, to) : -1;
}

/* ---- starting --------------------------------------------------------------------------- */

static struct bytes read_file(const char *name)
{
	char *path = must_printf("%s/%s", folder, name);
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
	struct bytes bytes = { 0 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		must_fail("cannot read %s", path);
	bytes.size = (size_t)st.st_size;
	bytes.data = malloc(bytes.size + 1);
	if (!bytes.data || read(fd, bytes.data, bytes.size) != st.st_size)
		must_fail("cannot read %s", path);
	(void)close(fd);
	free(path);
	return bytes;
}

static void take_stock(const char *path)
{
	DIR *directory;
	struct dirent *entry;

	folder = copy(path);
	for (int i = 0; i < FDS; i++)
		fds[i] = NOT_OURS;
	directory = opendir(folder);
	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			(void)add(entry->d_name, n_objects++);
	if (!directory || closedir(directory) != 0)
		must_fail("cannot list %s", folder);
}

void disk_watch(const char *path)
{
	take_stock(path);
	is_watching = true;
}

void disk_count(unsigned kill_at)
{
	kills_at = kill_at;
	is_counting = true;
}

void disk_ignore_syncs(void)
{
	ignores_syncs = true;
}

void disk_fail(const struct disk_failure *given)
{
	failure = *given;
	met = 0;
	place.n = 0;
	is_failing = true;
}

unsigned disk_met(void)
{
	is_failing = false;
	return met;
}

char *disk_place(void)
{
	char text[2048];

	place_tell(&place, text, sizeof(text));
	return must_printf("%s", text);
}

void disk_record(const char *path)
{
	disk_watch(path);
	for (size_t i = 0; i < n_names; i++) {
		initial[names[i].object] = read_file(names[i].text);
		initial_names[i] = (struct name){ copy(names[i].text), names[i].object };
	}
	n_initial = n_names;
	is_recording = true;
}

static void begin_recording(void)
{
	for (int i = 0; i < FDS; i++)
		fds[i] = NOT_OURS;
	is_watching = is_recording = true;
}

void disk_resume(size_t call)
{
	n_calls = call;
	begin_recording();
}

void disk_restart(void)
{
	for (size_t i = 0; i < n_names; i++) {
		initial[names[i].object] = read_file(names[i].text);
		initial_names[i] = (struct name){ copy(names[i].text), names[i].object };
	}
	n_initial = n_names;
	disk_resume(0);
}

void disk_fail_decision(void)
{
	fails_decision = true;
}

void disk_stop(void)
{
	is_watching = is_recording = is_counting = is_failing = false;
}

size_t disk_calls(void)
{
	return n_calls;
}

size_t disk_now(void)
{
	size_t now;

	enter();
	now = n_calls;
	leave();
	return now;
}

/* What an object was called first. */
static const char *first_name(int object)
{
	if (object == 0)
		return "/";
	for (size_t i = 0; i < n_initial; i++)
		if (initial_names[i].object == object)
			return initial_names[i].text;
	for (size_t i = 0; i < n_calls; i++)
		if (calls[i].verb == CREATE && calls[i].object == object)
			return calls[i].name;
	return "?";
}

static const char *const verbs[] = { "create", "write", "truncate", "sync", "unlink", "rename" };

static const char *name_of(const struct call *call)
{
	return call->name ? call->name : first_name(call->object);
}

bool disk_is(size_t number, const char *verb, const char *suffix)
{
	const struct call *call = &calls[number];
	const char *name = name_of(call);
	size_t length = strlen(name);

	return strcmp(verbs[call->verb], verb) == 0 && strlen(suffix) <= length &&
	       strcmp(name + length - strlen(suffix), suffix) == 0;
}

bool disk_is_decision(size_t call)
{
	return calls[call].verb == UNLINK && strstr(calls[call].name, "-sqlassist-") != NULL;
}

bool disk_is_same(size_t call, size_t other)
{
	return strcmp(name_of(&calls[call]), name_of(&calls[other])) == 0;
}

size_t disk_data(size_t call, const unsigned char **ret_data)
{
	*ret_data = calls[call].data;
	return calls[call].n;
}

char *disk_describe(size_t number)
{
	const struct call *call = &calls[number];

	return must_printf("call %zu, %s %s at %lld, %zu bytes", number, verbs[call->verb],
			   name_of(call), (long long)call->offset, call->n);
}

/* ---- a power failure ----------------------------------------------------------------------- */

/* xorshift; the same everywhere for one seed. */
static uint32_t next(uint32_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random;
}

struct crash {
	size_t at, omitted;
	uint32_t random;
	unsigned kept; /* of 8 calls that were not synced */
	size_t sector;
};

static bool is_made(const struct crash *crash, size_t i)
{
	return i != crash->omitted;
}

static bool is_kept(struct crash *crash)
{
	return next(&crash->random) % 8 < crash->kept;
}

/* Behind the last sync of OBJECT anything may be lost. */
static size_t synced_until(const struct crash *crash, int object)
{
	for (size_t i = crash->at; i > 0; i--)
		if (calls[i - 1].verb == SYNC && calls[i - 1].object == object &&
		    is_made(crash, i - 1))
			return i;
	return 0;
}

static void resize(struct bytes *bytes, size_t size)
{
	unsigned char *data = realloc(bytes->data, size + 1);

	if (!data)
		must_fail("out of memory");
	if (size > bytes->size)
		memset(data + bytes->size, 0, size - bytes->size);
	bytes->data = data;
	bytes->size = size;
}

static void put(struct bytes *bytes, const unsigned char *from, size_t n, size_t offset)
{
	if (n == 0)
		return;
	if (offset + n > bytes->size)
		resize(bytes, offset + n);
	memcpy(bytes->data + offset, from, n);
}

/* Each sector by itself; sometimes all of them. */
static void put_torn(struct crash *crash, struct bytes *bytes, const struct call *call)
{
	size_t from = (size_t)call->offset, end = from + call->n;

	while (from < end) {
		size_t to = (from / crash->sector + 1) * crash->sector;

		if (to > end)
			to = end;
		if (is_kept(crash))
			put(bytes, call->data + (from - (size_t)call->offset), to - from, from);
		from = to;
	}
}

static struct bytes content(struct crash *crash, int object)
{
	size_t synced = synced_until(crash, object);
	struct bytes bytes = { 0 };

	put(&bytes, initial[object].data, initial[object].size, 0);
	for (size_t i = 0; i < crash->at; i++) {
		const struct call *call = &calls[i];

		if (call->object != object || !is_made(crash, i))
			continue;
		if (call->verb == TRUNCATE && (i < synced || is_kept(crash)))
			resize(&bytes, (size_t)call->offset);
		if (call->verb == WRITE && i < synced)
			put(&bytes, call->data, call->n, (size_t)call->offset);
		else if (call->verb == WRITE)
			put_torn(crash, &bytes, call);
	}
	return bytes;
}

static void clear_folder(void)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		char *path = must_printf("%s/%s", folder, entry->d_name);

		if (entry->d_name[0] != '.' && syscall(SYS_unlink, path) < 0)
			must_fail("cannot remove %s", path);
		free(path);
	}
	if (!directory || closedir(directory) != 0)
		must_fail("cannot list %s", folder);
}

static void write_file(const struct name *name, struct bytes bytes)
{
	char *path = must_printf("%s/%s", folder, name->text);
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (fd < 0 || syscall(SYS_write, fd, bytes.data, bytes.size) != (long)bytes.size)
		must_fail("cannot write %s", path);
	(void)close(fd);
	free(path);
}

/* The names that are there then. */
static void crash_names(struct crash *crash)
{
	size_t synced = synced_until(crash, 0);

	while (n_names > 0)
		free(names[--n_names].text);
	for (size_t i = 0; i < n_initial; i++)
		(void)add(initial_names[i].text, initial_names[i].object);
	for (size_t i = 0; i < crash->at; i++) {
		const struct call *call = &calls[i];

		if (!call->name || !is_made(crash, i) || (i >= synced && !is_kept(crash)))
			continue;
		if (call->verb == CREATE)
			(void)add(call->name, call->object);
		else
			forget(call->name);
		if (call->verb == RENAME)
			(void)add(call->to, call->object);
	}
}

void disk_crash(size_t at, unsigned seed, size_t omitted)
{
	static const unsigned kept[] = { 0, 8, 4, 6, 2, 7, 1, 5 };
	struct crash crash = {
		.at = at,
		.omitted = omitted,
		.random = seed * 2654435761u + (unsigned)at * 40503u + 1,
		.sector = seed % 2 ? 512 : 4096,
	};

	crash.kept = kept[seed / 2 % 8];
	if (!crash.random)
		crash.random = 1;
	for (int i = 0; i < 8; i++)
		(void)next(&crash.random);
	clear_folder();
	crash_names(&crash);
	for (size_t i = 0; i < n_names; i++) {
		struct bytes bytes = content(&crash, names[i].object);

		write_file(&names[i], bytes);
		free(bytes.data);
	}
}
