/*
 * demo-folder.h - the demo's temporary folder: everything that it makes is in
 * there, and gone with it.
 */
#ifndef DEMO_FOLDER_H
#define DEMO_FOLDER_H

/* The name of a PostgreSQL server's socket, which must fit into an address. */
#define FOLDER_SOCKET ".s.PGSQL.5432"

/* Makes one, mode 0700, whose path is absolute, and short enough for a socket in
 * it. New text, or NULL (told on stderr). */
char *folder_make(void);

/* Removes it with all that is in it, and frees the text. NULL is allowed. */
void folder_remove(char *folder);

#endif
