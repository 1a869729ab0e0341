/* Clocks that nobody sets, in milliseconds. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_ms(void);
int64_t clock_us(void); /* the same clock in microseconds, for durations */

/* The same, but it goes on while the machine sleeps: for comparing with what
 * other machines did meanwhile. */
int64_t clock_boot_ms(void);

/* What people's clocks say, since 1970: for showing, never for reckoning. */
int64_t clock_unix_ms(void);

/* Milliseconds left until DEADLINE (0: none, then -1), never below 0; fits poll(). */
int clock_left(int64_t deadline);

#endif
