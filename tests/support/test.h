/* Criterion, for every test file. */
#ifndef SUPPORT_TEST_H
#define SUPPORT_TEST_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

/* Its assertions store an int in a bit-field, inside our code. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wconversion"
#endif

/* Criterion 2.4.1 takes equal numbers for greater ones. */
#undef CRI_BINOP_T_GT
#define CRI_BINOP_T_GT(Tag, Actual, Ref) (CRI_BINOP_LT_TAG(Tag, , Ref, Actual))

#endif
