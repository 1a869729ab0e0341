/* Keeps passwords out of every text: URLs, conninfo strings, messages. */
#ifndef BASE_REDACT_H
#define BASE_REDACT_H

/*
 * Overwrites with asterisks what follows ':' in the user part of any URL in
 * TEXT, and the value of any password= or sslpassword= setting. TEXT never
 * grows.
 */
void redact_in_place(char *text);

#endif
