/* number - the one checked parser and printer of numbers */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include "view.h"

#include <stdint.h>

/* All of V is a decimal number from MIN to MAX: *OUT is set.  No sign other
 * than '-' in the signed form, no spaces, no empty string. */
bool number_parse_u64(struct view v, uint64_t min, uint64_t max, uint64_t *out)
    __attribute__((warn_unused_result));
bool number_parse_i64(struct view v, int64_t min, int64_t max, int64_t *out)
    __attribute__((warn_unused_result));
bool number_parse_int(struct view v, int min, int max, int *out)
    __attribute__((warn_unused_result));
/* As number_parse_u64 with base 8 or 16 (no 0x). */
bool number_parse_base(struct view v, unsigned base, uint64_t max, uint64_t *out)
    __attribute__((warn_unused_result));
/* Take decimal digits from the front of *V. */
bool number_take_u64(struct view *v, uint64_t max, uint64_t *out)
    __attribute__((warn_unused_result));
/* A Postfix time value ("3h", "100s", "5d", plain number with DEFAULT_UNIT one
 * of s m h d w) in microseconds.  postconf(5), "time units". */
bool number_parse_time(struct view v, char default_unit, int64_t *usec)
    __attribute__((warn_unused_result));
/* a + b and a * b; false on overflow. */
#define number_add(a, b, out) (!__builtin_add_overflow((a), (b), (out)))
#define number_mul(a, b, out) (!__builtin_mul_overflow((a), (b), (out)))

#endif
