/* Keeps passwords out of every text: URLs, conninfo strings, messages. */
#ifndef BASE_REDACT_H
#define BASE_REDACT_H

/*
 * Overwrites with asterisks what follows ':' in the user part of any URL in
 * TEXT, and the value of any password= or sslpassword= setting. TEXT never
 * grows.
 */
void redact_in_place(char *text);

/* The same for a text that is one URL, to be shown: there a password may hold a blank,
 * which would end it in a text, and ends where the next parameter begins. */
void redact_url_in_place(char *url);

#endif
