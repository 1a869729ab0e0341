#include "demo-folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define TEMPLATE "/sqlassist-demo-XXXXXX"

static bool fits_socket(const char *parent)
{
	struct sockaddr_un address;

	return strlen(parent) + sizeof(TEMPLATE "/" FOLDER_SOCKET) <= sizeof(address.sun_path);
}

char *folder_make(void)
{
	/* Root's temporary folder may be closed to a server's user. */
	const char *parent = geteuid() == 0 ? NULL : getenv("TMPDIR");
	char *folder;

	if (!parent || parent[0] != '/' || !fits_socket(parent))
		parent = "/tmp";
	if (asprintf(&folder, "%s" TEMPLATE, parent) < 0)
		return NULL;
	if (mkdtemp(folder))
		return folder;
	fprintf(stderr, "sqlassist demo: cannot make %s: %s\n", folder, strerror(errno));
	free(folder);
	return NULL;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

void folder_remove(char *folder)
{
	if (folder)
		nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(folder);
}
