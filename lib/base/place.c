#include "base/place.h"

#include <stdio.h>

#ifdef SQLA_HAVE_BACKTRACE

#include <dlfcn.h>
#include <execinfo.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

void place_take(struct place *ret_place)
{
	ret_place->n = backtrace(ret_place->frames, PLACE_FRAMES);
}

/* Where the object that holds ADDRESS begins, or NULL. */
static const void *object_of(const void *address)
{
	Dl_info info;

	return dladdr(address, &info) ? info.dli_fbase : NULL;
}

/*
 * The first frame outside of the library. One that is linked into the program
 * cannot be told from it: nothing is skipped then.
 */
static int first_caller(const struct place *place)
{
	static const char in_library;
	const void *own = object_of(&in_library);
	int i = 0;

	if (own == object_of((void *)getauxval(AT_ENTRY)))
		return 0;
	while (i < place->n && object_of(place->frames[i]) != own)
		i++; /* a sanitizer's backtrace */
	while (i < place->n && object_of(place->frames[i]) == own)
		i++;
	return i < place->n ? i : 0;
}

/* "/usr/bin/prog(+0x12a4) [0x55e0...]" without folder and address; FROM is ours. */
static const char *shorten(char *from)
{
	char *name, *slash;

	from[strcspn(from, " ")] = '\0';
	name = from;
	while ((slash = strchr(name, '/')) && slash < name + strcspn(name, "("))
		name = slash + 1;
	return name;
}

void place_tell(const struct place *place, char *ret_text, size_t size)
{
	void *calls[PLACE_FRAMES];
	char **names;
	size_t used = 0;

	/* What is returned to may be the line after the call. */
	for (int i = 0; i < place->n; i++)
		calls[i] = (void *)((uintptr_t)place->frames[i] - 1);
	names = backtrace_symbols(calls, place->n);
	(void)snprintf(ret_text, size, "(unknown)");
	for (int i = first_caller(place); names && i < place->n; i++) {
		const char *name = shorten(names[i]);

		if (used + strlen(name) + sizeof(" < ") > size)
			break;
		used += (size_t)snprintf(ret_text + used, size - used, "%s%s", used ? " < " : "",
					 name);
	}
	free(names);
}

#else

void place_take(struct place *ret_place)
{
	ret_place->n = 0;
}

void place_tell(const struct place *place, char *ret_text, size_t size)
{
	(void)place;
	(void)snprintf(ret_text, size, "(unknown: this system has no backtrace)");
}

#endif
