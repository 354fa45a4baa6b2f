#ifndef SN_VEC_H
#define SN_VEC_H

/* A vector of floats at the width of an instruction set.  The bodies beside
 * this file (*.inc.h) are written once in these words.  Each folder that
 * compiles them has a width.h, included before the body, which defines
 *
 *   V_NAME(op)        op with the name of the folder behind it
 *   V_WIDTH           lanes of a vector
 *   V_REGISTERS       vectors that the processor holds
 *   V_GROUP           channel vectors that share one walk over the rows
 *   V_MR, V_NR        a product's tile: pixels, channel vectors (V_NR a macro)
 *   v_f32, v_mask     a vector; which of its lanes are selected
 *   v_tail(n)         the first n lanes, n <= V_WIDTH
 *   v_get(p, m, full)     the vector at p (any address)
 *   v_put(p, a, m, full)  a, written there
 *   v_set(x)          x in every lane
 *   v_add(a, b)  v_sub(a, b)  v_mul(a, b)
 *   v_fma(a, b, c)    a*b + c; rounded once where the processor can
 *   v_min(a, b)  v_max(a, b)  the smaller, the greater; b if either is NaN
 *   v_less(a, b)      a < b, as a mask; false for NaN
 *   v_select(m, a, b) a where m is set, b elsewhere
 *   v_widen(sum, a)   sum[i] += a[i] in double, all lanes
 *   v_get_bf16(p, m, full)  v_put_bf16(p, a, m, full)
 *                     as v_get and v_put, of sn_bf16 in memory
 *   v_pair(a, b)      words of two sn_bf16, a's first, as the lanes of a vector
 *   v_hold(a)         a, kept in a register: a value that is loaded once and
 *                     used several times GCC would otherwise load again for
 *                     each use, as a memory operand
 *
 * Where the processor multiplies and adds sn_bf16 two at a time, V_DOT is
 * defined (to anything) and
 *
 *   v_dot(a, b, c)    c plus the products of the pairs of a and b;
 *                     v_half_dot(a, b, c) of half vectors
 *
 * A width of which some processors make two operations also defines its half:
 *
 *   V_HALF, v_half        lanes (a macro); a vector of so many
 *   v_low(a)              the lower half of a vector
 *   v_whole(h)            the vector with h in its lower half, else 0
 *   v_half_set(x)  v_half_get(p, m)  v_half_fma(a, b, c)
 *
 * What holds at any width is below.
 *
 * Ragged tails: a body is an inline function with a constant parameter `full`,
 * called once with 1 for whole vectors and once with 0 for the last, partial
 * one; v_get and v_put then read and write nothing beyond the selected lanes,
 * and read 0 there.
 *
 * Bodies multiply and add through v_fma alone, never by v_mul followed by
 * v_add: under -ffp-contract=fast the compiler may fuse such a pair in one copy
 * of a body and not in another, and a value would depend on which copy, that
 * is on its place in a row, computed it. */

#include <stddef.h>

#include "kernels/kernels.h"
#include "kernels/vec/compile.h"

#ifndef V_NAME
#    error "include the width.h of the folder before the body"
#endif

#ifndef V_HALF
/* No half: the words are there, for vectors that are as good as whole. */
#    define V_HALF 0
typedef v_f32 v_half;

V_INLINE v_half v_low(v_f32 a)
{
    return a;
}

V_INLINE v_f32 v_whole(v_half h)
{
    return h;
}

V_INLINE v_half v_half_set(float x)
{
    return v_set(x);
}

V_INLINE v_half v_half_get(const float *p, v_mask m)
{
    return v_get(p, m, 0);
}

V_INLINE v_half v_half_fma(v_half a, v_half b, v_half c)
{
    return v_fma(a, b, c);
}
#endif

enum {
    /* Rows walked at a time: few enough to sum in float before the sum goes to
     * a double, and for a group of channels to stay in the first-level cache */
    V_ROWS = 128,
    /* Pixels that a walk through memory takes side by side */
    V_TALL = 4,
    V_LINE = 64, /* bytes of a cache line */
    /* Values that a walk through memory asks for before it gets there */
    V_AHEAD = 2048
};

/* Asks for a line of memory into the second-level cache; any address will do,
 * nothing is read. */
V_INLINE void v_soon(const void *p)
{
    __builtin_prefetch(p, 0, 2);
}

/* A vector of values of struct sn_rows, SN_REAL or SN_BF16. */
V_INLINE v_f32 v_fetch(const void *at, ptrdiff_t i, v_mask m, const int full,
                       const sn_form form)
{
    return form == SN_REAL ? v_get((const float *)at + i, m, full)
                           : v_get_bf16((const sn_bf16 *)at + i, m, full);
}

V_INLINE void v_store(void *at, ptrdiff_t i, v_f32 a, v_mask m, const int full,
                      const sn_form form)
{
    if (form == SN_REAL)
        v_put((float *)at + i, a, m, full);
    else
        v_put_bf16((sn_bf16 *)at + i, a, m, full);
}

/* `count` pixels side by side, from the pixel `first` on (even, as is count
 * unless it is 1, for SN_PAIRS); lanes are channels from ic on.  `put` selects
 * lanes as `m` does, and the one of the zero behind an odd channel. */
V_INLINE void v_store_tall(struct sn_rows to, ptrdiff_t first, int ic,
                           const v_f32 *a, const int count, v_mask put,
                           const int full, const sn_form form)
{
    if (form == SN_PAIRS) {
        V_UNROLL
        for (int ip = 0; ip < count; ip += 2) {
            const v_f32 mate = ip + 1 < count ? a[ip + 1] : v_set(0.0f);
            v_put((float *)to.at + (first + ip) / 2 * to.p + ic,
                  v_pair(a[ip], mate), put, full);
        }
        return;
    }
    V_UNROLL
    for (int ip = 0; ip < count; ip++)
        v_store(to.at, (first + ip) * to.p + ic, a[ip], put, full, form);
}

/* The lanes that are stored of the last c channels of a pixel. */
V_INLINE v_mask v_stored(int c, const sn_form form)
{
    return v_tail(form == SN_BF16 ? c + c % 2 : c);
}

V_INLINE ptrdiff_t v_rows(ptrdiff_t left)
{
    return left < V_ROWS ? left : V_ROWS;
}

V_INLINE v_f32 v_zero(void)
{
    return v_set(0.0f);
}

/* sum[i] += a[i] for the first n lanes */
V_INLINE void v_accumulate(double *sum, v_f32 a, int n)
{
    if (n >= V_WIDTH) {
        v_widen(sum, a);
        return;
    }
    double wide[V_WIDTH] = {0.0};
    v_widen(wide, a);
    for (int i = 0; i < n; i++)
        sum[i] += wide[i];
}

/* The sum of all lanes. */
V_INLINE double v_total(v_f32 a)
{
    double wide[V_WIDTH] = {0.0}, sum = 0.0;
    v_widen(wide, a);
    for (int i = 0; i < V_WIDTH; i++)
        sum += wide[i];
    return sum;
}

#endif
