#include "support/scratch.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/files.h"
#include "support/must.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the rest */
static char *folder;
static pid_t owner; /* who made the folder and removes it */

static void remove_folder(void)
{
	if (folder && owner == getpid())
		(void)files_remove_tree(folder);
	free(folder);
	folder = NULL;
}

const char *scratch_dir(void)
{
	(void)pthread_mutex_lock(&lock);
	if (!folder || owner != getpid()) {
		free(folder);
		folder = files_temporary();
		if (!folder)
			must_fail("cannot make a scratch folder: %s", strerror(errno));
		if (owner == 0 && atexit(remove_folder) != 0)
			must_fail("no atexit");
		owner = getpid();
	}
	(void)pthread_mutex_unlock(&lock);
	return folder;
}

char *scratch_path(const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", scratch_dir(), name) < 0)
		must_fail("out of memory");
	return path;
}

char *scratch_sqlite_url(const char *name)
{
	char *url;

	if (asprintf(&url, "sqlite:///%s/%s", scratch_dir(), name) < 0)
		must_fail("out of memory");
	return url;
}
