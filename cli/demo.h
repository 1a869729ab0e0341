/*
 * demo.h - `sqlassist demo`: sales are carried from a till to a ledger, two
 * SQLite files, or a file and PostgreSQL, by workers that are killed at
 * random, and every sale arrives exactly once.
 */
#ifndef DEMO_H
#define DEMO_H

/* ARGV[0] is "demo". Returns the exit status: 0 only if the proof holds. */
int demo_main(int argc, char **argv);

#endif
