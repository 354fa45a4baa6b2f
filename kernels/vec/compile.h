#ifndef SN_VEC_COMPILE_H
#define SN_VEC_COMPILE_H

/* What the compiler is told about a body and the words it is written in. */

#define V_INLINE static inline __attribute__((always_inline))

/* Before a loop of constant length: its arrays become registers. */
#define V_UNROLL _Pragma("GCC unroll 32")

#endif
