/* Folders of tests: where they are, and how they go away. */
#ifndef SUPPORT_FILES_H
#define SUPPORT_FILES_H

/*
 * Returns a new folder's path (free it) in $SQLASSIST_TEST_FOLDER; without that
 * in /dev/shm where that has a gigabyte to spare, since tests fsync all the time
 * and measure nothing; else in $TMPDIR or /tmp. Mode 0755, so that a server of another user gets in. Those
 * that a killed process left are removed by the way, after some minutes. NULL:
 * errno.
 */
char *files_temporary(void);

/* Copies a folder with all it holds; TO does not exist yet. 0 or -1. */
int files_copy_tree(const char *from, const char *to);

/* Removes PATH and all below it; nothing there is fine. 0 or -1. */
int files_remove_tree(const char *path);

/* Runs ARGV[0] found in PATH, and waits: its exit status, or -1. */
int files_run(char *const argv[]);

/* How many files this process has open, about: for comparing. -1: errno. */
int files_open(void);

#endif
