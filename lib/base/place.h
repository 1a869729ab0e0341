/*
 * Where in the program a call came from: taken cheaply, told when somebody
 * asks.
 */
#ifndef BASE_PLACE_H
#define BASE_PLACE_H

#include <stddef.h>

#define PLACE_FRAMES 24

struct place {
	void *frames[PLACE_FRAMES]; /* return addresses, the innermost first */
	int n;			    /* 0: this system does not tell */
};

/* The calls that led here. */
void place_take(struct place *ret_place);

/*
 * Writes "prog(pay_in+0x1f) < prog(+0x12a4) < ...", as many callers as fit.
 * The library's own are left out where it is a shared one. Names are those
 * that the dynamic linker knows; addr2line understands both forms.
 */
void place_tell(const struct place *place, char *ret_text, size_t size);

#endif
