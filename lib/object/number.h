/*
 * Numbers as repr() writes them: floats in the fewest digits that read back the same, integers of any size.
 * Knows no object and no target.
 */
#ifndef OBJECT_NUMBER_H
#define OBJECT_NUMBER_H

#include "base/strbuf.h"

/* repr() of a float: "1.0", "1e+16", "nan" (Objects/floatobject.c, float_repr(); Python/pystrtod.c). */
void number_put_float(struct strbuf *out, double value);
/* repr() of a complex: "(1+2j)", "-0j" (Objects/complexobject.c, complex_repr()). */
void number_put_complex(struct strbuf *out, double real, double imaginary);

/* An unsigned integer in decimal; printf() would take most of the time of a long list. */
void number_put_small(struct strbuf *out, uint64_t value);
/* The highest hexadecimal digits of an integer, at most limit (0: all) of them, behind "0x"; returns how many more
 * there are. It is count digits of BIGNUM_DIGIT_BITS bits (bignum.h), the least significant first. */
uint64_t number_put_hex(struct strbuf *out, const uint32_t *digits, size_t count, uint64_t limit);

#endif
