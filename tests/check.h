#ifndef SN_TESTS_CHECK_H
#define SN_TESTS_CHECK_H

/* What every test program includes: cmocka, and the helpers that the rooms'
 * tests share.  A program tests/<room>/check_*.c (float) or grad_*.c (double)
 * is one main() around cmocka_run_group_tests().
 *
 * All noise comes from the environment's SEED (1 when unset) and from where in
 * the test it is drawn, so a failure replays with `make test SEED= ONLY=`. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"
#include "kernels/kernels.h"

#ifdef SN_DOUBLE
#    define SN_EPS 0x1p-52
#else
#    define SN_EPS 0x1p-23
#endif

/* How far two ways of adding up n products of values in [-1, 1] may differ,
 * as an absolute figure.  After k terms the partial sum is about sqrt(k) / 3,
 * and is rounded by up to half an eps of itself; n such errors of random sign
 * add up to eps * n / 9 (one standard deviation).  The 8 is for what is done
 * to the sum afterwards. */
#define SN_TOL(n) (SN_EPS * (8.0 + (double)(n)))

/* SEED of the environment, 1 when unset. */
uint64_t check_seed(void);

/* ---- guarded arrays: freed and checked by check_guards() ---- */

/* n values, zero, between guard zones; 4-byte (8-byte in the double build) but
 * deliberately not 64-byte aligned. */
sn_real *check_zeros(ptrdiff_t n);

/* n values uniform in [-1, 1). */
sn_real *check_noise(ptrdiff_t n);

/* A copy of x[n]. */
sn_real *check_copy(const sn_real *x, ptrdiff_t n);

/* Fills x[n] with NaN: whoever reads it shows it. */
void check_poison(sn_real *x, ptrdiff_t n);

/* Fails when any x[n] is no longer what check_poison() wrote. */
void check_poisoned(const sn_real *x, ptrdiff_t n);

/* Fails when a byte outside any guarded array was written, and frees all of
 * them.  To be called at the end of a test (or of each of its cases). */
void check_guards(void);

/* ---- comparing ---- */

/* Fails when |got[i] - want[i]| > tol (or either is NaN) for some i; prints the
 * formatted words, the worst index, both values and the seed. */
void check_near(const sn_real *got, const sn_real *want, ptrdiff_t n,
                double tol, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Fails when got and want differ in any bit. */
void check_same(const void *got, const void *want, size_t bytes,
                const char *what);

/* max |got - want| / max |want|; max |got| when want is all zero; infinity
 * when anything is not finite. */
double check_relative(const sn_real *got, const sn_real *want, ptrdiff_t n);

/* The worst relative error, over three random directions d, between the
 * central difference (loss(x + h d) - loss(x - h d)) / 2h and the inner product
 * of grad with d.  x is put back as it was.  h near 1e-5 suits double. */
double check_gradient(double (*loss)(void *ctx), void *ctx, sn_real *x,
                      const sn_real *grad, ptrdiff_t n, double h);

/* ---- failing on purpose ---- */

/* Fails unless rc is SN_OK; prints err's text. */
#define check_ok(rc, err) check_ok_at(rc, err, __FILE__, __LINE__)

/* Fails unless rc and err->code are `code` and err->text contains `text`.
 * Clears *err for the next call. */
#define check_fails(rc, err, code, text)                                       \
    check_fails_at(rc, err, code, text, __FILE__, __LINE__)

/* True when fn(arg), run in a child process, ends in abort() (SN_CHECK). */
bool check_aborts(void (*fn)(void *arg), void *arg);

/* Lets the `n`-th allocation from now on (0 = the next) return NULL, once.
 * Counts malloc, calloc, realloc and aligned_alloc called by our own code. */
void check_fail_allocation(int n);

/* Ends the failing; true when the allocation was reached.  A test walks
 * n = 0, 1, ... until this says false. */
bool check_allocation_failed(void);

/* ---- files ---- */

/* A folder of this program's own, removed when it ends. */
const char *check_dir(void);

/* dir/name, valid until the program ends. */
const char *check_path(const char *name);

/* Writes a file in check_dir() and returns its path. */
const char *check_write(const char *name, const void *data, size_t bytes);
const char *check_write_text(const char *name, const char *text);

/* The whole file with a NUL behind it, freed when the program ends.  *bytes
 * may be NULL. */
char *check_read(const char *path, size_t *bytes);

void check_ok_at(sn_status rc, const struct sn_error *err, const char *file,
                 int line);
void check_fails_at(sn_status rc, struct sn_error *err, sn_status code,
                    const char *text, const char *file, int line);

#endif
