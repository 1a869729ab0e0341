/* Whether all names of a plan are different, as its engine sees them. */
#ifndef SCHEMA_COLLIDE_H
#define SCHEMA_COLLIDE_H

struct plan;

/* SQLA_EMISUSE: two are one. Else an engine would refuse, or (with IF NOT
 * EXISTS, or by cutting names) take one for the other. */
int collide_check(const struct plan *plan);

#endif
