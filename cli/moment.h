/*
 * moment.h - time, and being told to stop: for the commands that run for a
 * while and clean up behind themselves.
 */
#ifndef CLI_MOMENT_H
#define CLI_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t moment_us(void); /* of a clock that only goes forward */
int64_t moment_ms(void);

/* A signal may end it early. */
void moment_sleep_us(int64_t us);

/* From now on Ctrl-C and its like end nothing by themselves. */
void moment_catch_signals(void);

/* Whether one of them has come since. */
bool moment_is_stopped(void);

/* In a child: they do again what they do by default. */
void moment_release_signals(void);

/* Fills BAR, of SIZE bytes with its NUL, as far as PART (0 to 1) is done. */
void moment_bar(char *bar, size_t size, double part);

#endif
