#ifndef SN_KERNEL_CHECK_H
#define SN_KERNEL_CHECK_H

/* The walk over table x instruction set, and the arrays kernels are fed.
 *
 * A test is an operation with its slot.  It runs once per instruction set whose
 * table holds something else than the reference there; a set that the machine
 * lacks, or that the environment's ISA does not name, is reported skipped.
 *
 * Pixels come as struct rows: c values, then a gap of NaN, in front of the
 * first and behind the last as well.  Whoever reads a gap computes NaN, whoever
 * writes one is found by rows_near(). */

#include "check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

typedef void kernel_test_fn(const struct sn_kernels *ref,
                            const struct sn_kernels *opt);

struct kernel_test {
    const char *op;
    size_t slot;         /* offset in struct sn_kernels */
    int alone;           /* holds by itself: runs on the reference too */
    kernel_test_fn *run; /* compares opt with ref */
};

#define SLOT(op) #op, offsetof(struct sn_kernels, op)

static const struct {
    const char *name;
    unsigned set;
} kernel_isa[] = {
    {"ref", SN_ISA_REF},
    {"portable", SN_ISA_PORTABLE},
    {"avx2", SN_ISA_PORTABLE | SN_ISA_AVX2},
    {"avx512", SN_ISA_PORTABLE | SN_ISA_AVX2 | SN_ISA_AVX512},
    {"avx512bf16",
     SN_ISA_PORTABLE | SN_ISA_AVX2 | SN_ISA_AVX512 | SN_ISA_AVX512BF16},
    {"amx", SN_ISA_PORTABLE | SN_ISA_AVX2 | SN_ISA_AVX512 | SN_ISA_AVX512BF16 |
                SN_ISA_AMX},
};

struct kernel_case { /* a test at one instruction set */
    const struct kernel_test *test;
    int isa;
    char name[48];
};

/* ---- what is being tested, for the failure's text ---- */

static char kernel_words[200];
static const char *kernel_op, *kernel_set;

__attribute__((format(printf, 1, 2))) static inline void
describe(const char *fmt, ...)
{
    va_list args;
    const int n = snprintf(kernel_words, sizeof kernel_words,
                           "%s, %s: ", kernel_op, kernel_set);
    va_start(args, fmt);
    vsnprintf(kernel_words + n, sizeof kernel_words - (size_t)n, fmt, args);
    va_end(args);
}

/* ---- the walk ---- */

/* ISA of the environment names sets, in words; unset or empty: all.  The
 * reference is always wanted. */
static inline int isa_wanted(const char *name)
{
    const char *list = getenv("ISA");
    const size_t length = strlen(name);

    if (!list || !*list || strcmp(name, "ref") == 0)
        return 1;
    for (const char *at = list; (at = strstr(at, name)); at += length) {
        const int begins = at == list || at[-1] == ' ' || at[-1] == ',';
        const char end = at[length];
        if (begins && (end == '\0' || end == ' ' || end == ','))
            return 1;
    }
    return 0;
}

static inline void kernel_case_run(void **state)
{
    const struct kernel_case *now = *state;
    const unsigned set = kernel_isa[now->isa].set;
    struct sn_kernels ref, opt;

    if ((sn_cpu_isa() & set) != set) {
        print_message("this machine has no %s\n", kernel_isa[now->isa].name);
        skip();
    }
    if (!isa_wanted(kernel_isa[now->isa].name)) {
        print_message("not in ISA=%s\n", getenv("ISA"));
        skip();
    }
    sn_kernels_init(&ref, SN_ISA_REF);
    sn_kernels_init(&opt, set);
    if (!now->test->alone &&
        memcmp((const char *)&ref + now->test->slot,
               (const char *)&opt + now->test->slot, sizeof opt.product) == 0) {
        print_message("%s has no variant of its own\n", opt.isa);
        skip();
    }
    kernel_op = now->test->op;
    kernel_set = opt.isa;
    now->test->run(&ref, &opt);
}

/* Runs every test at every instruction set; the result of main(). */
static inline int kernel_tests(const char *group,
                               const struct kernel_test *tests, int count)
{
    static struct kernel_case cases[128];
    static struct CMUnitTest units[128];
    int n = 0;

    for (int i = 0; i < count; i++) {
        for (int isa = tests[i].alone ? 0 : 1; isa < COUNT(kernel_isa); isa++) {
            struct kernel_case *now = &cases[n];
            now->test = &tests[i];
            now->isa = isa;
            snprintf(now->name, sizeof now->name, "%s/%s", tests[i].op,
                     kernel_isa[isa].name);
            units[n] = (struct CMUnitTest){.name = now->name,
                                           .test_func = kernel_case_run,
                                           .initial_state = now};
            n++;
        }
    }
    return _cmocka_run_group_tests(group, units, (size_t)n, NULL, NULL);
}

/* ---- rows of pixels between gaps ---- */

enum { ROWS_MARGIN = 16 };

struct rows {
    sn_real *all; /* n values: margin, p rows of c + gap values, margin */
    ptrdiff_t n;
    sn_real *x; /* the first pixel */
    int c;
    ptrdiff_t ld, p;
};

static inline void rows_place(struct rows *r, int c, ptrdiff_t p, int gap)
{
    r->c = c;
    r->p = p;
    r->ld = c + gap;
    r->n = p * r->ld + 2 * ROWS_MARGIN + gap; /* the gap shifts the start */
}

static inline void rows_poison(const struct rows *r)
{
    check_poison(r->all, r->x - r->all);
    for (ptrdiff_t ip = 0; ip < r->p; ip++)
        check_poison(r->x + ip * r->ld + r->c, r->ld - r->c);
    const sn_real *end = r->x + r->p * r->ld;
    check_poison(r->x + r->p * r->ld, r->all + r->n - end);
}

/* p pixels of c values in [-scale, scale), c + gap apart. */
static inline struct rows rows_noise(int c, ptrdiff_t p, int gap, double scale)
{
    struct rows r;
    rows_place(&r, c, p, gap);
    r.all = check_noise(r.n);
    r.x = r.all + ROWS_MARGIN + gap;
    for (ptrdiff_t i = 0; i < r.n; i++)
        r.all[i] = (sn_real)((double)r.all[i] * scale);
    rows_poison(&r);
    return r;
}

/* The same values, c + gap apart. */
static inline struct rows rows_again(const struct rows *from, int gap)
{
    struct rows r;
    rows_place(&r, from->c, from->p, gap);
    r.all = check_zeros(r.n);
    r.x = r.all + ROWS_MARGIN + gap;
    for (ptrdiff_t ip = 0; ip < r.p; ip++)
        for (int ic = 0; ic < r.c; ic++)
            r.x[ip * r.ld + ic] = from->x[ip * from->ld + ic];
    rows_poison(&r);
    return r;
}

static inline struct rows rows_copy(const struct rows *from)
{
    return rows_again(from, (int)from->ld - from->c);
}

/* As a kernel takes them. */
static inline struct sn_rows reals(const struct rows *r)
{
    return sn_reals(r->x, r->ld);
}

/* NaN everywhere: what an output that is overwritten holds before. */
static inline struct rows rows_unset(int c, ptrdiff_t p, int gap)
{
    struct rows r;
    rows_place(&r, c, p, gap);
    r.all = check_zeros(r.n);
    r.x = r.all + ROWS_MARGIN + gap;
    check_poison(r.all, r.n);
    return r;
}

static inline void rows_intact(const struct rows *r)
{
    const sn_real *end = r->x + r->p * r->ld;
    check_poisoned(r->all, r->x - r->all);
    for (ptrdiff_t ip = 0; ip < r->p; ip++)
        check_poisoned(r->x + ip * r->ld + r->c, r->ld - r->c);
    check_poisoned(end, r->all + r->n - end);
}

/* Fails unless got is want within tol, pixel by pixel, and its gaps are whole.
 */
static inline void rows_near(const struct rows *got, const struct rows *want,
                             double tol)
{
    rows_intact(got);
    for (ptrdiff_t ip = 0; ip < want->p; ip++)
        check_near(got->x + ip * got->ld, want->x + ip * want->ld, want->c, tol,
                   "%s, row %td", kernel_words, ip);
}

/* Fails unless both hold the same bits, however far apart their pixels are. */
static inline void rows_same(const struct rows *a, const struct rows *b)
{
    for (ptrdiff_t ip = 0; ip < a->p; ip++)
        check_same(a->x + ip * a->ld, b->x + ip * b->ld,
                   (size_t)a->c * sizeof *a->x, kernel_words);
}

/* The inner product of two arrays of one shape. */
static inline double rows_dot(const struct rows *a, const struct rows *b)
{
    double sum = 0.0;
    for (ptrdiff_t ip = 0; ip < a->p; ip++)
        for (int ic = 0; ic < a->c; ic++)
            sum +=
                (double)a->x[ip * a->ld + ic] * (double)b->x[ip * b->ld + ic];
    return sum;
}

/* ---- sums in double ---- */

enum { SUMS_MAX = 256, SUMS_MARGIN = 16 };

struct sums {
    double all[SUMS_MAX + 2 * SUMS_MARGIN];
};

static inline double *sums_start(struct sums *s, int c, double scale)
{
    double *x = s->all + SUMS_MARGIN;
    for (int i = 0; i < COUNT(s->all); i++)
        s->all[i] = -0.0; /* outside: even adding 0 shows in the sign */
    for (int ic = 0; ic < c; ic++)
        x[ic] = scale * (ic % 5 - 2);
    return x;
}

static inline void sums_near(const struct sums *got, const struct sums *want,
                             int c, double tol)
{
    for (int i = 0; i < COUNT(got->all); i++) {
        const int inside = i >= SUMS_MARGIN && i < SUMS_MARGIN + c;
        const double d = got->all[i] - want->all[i];
        if (!(d <= tol && -d <= tol) || (!inside && !signbit(got->all[i])))
            fail_msg("%s: sum %d is %.12g, expected %.12g within %g; seed %llu",
                     kernel_words, i - SUMS_MARGIN, got->all[i], want->all[i],
                     tol, (unsigned long long)check_seed());
    }
}

static inline void near_double(double got, double want, double tol)
{
    if (!(got - want <= tol && want - got <= tol))
        fail_msg("%s: %.12g, expected %.12g within %g; seed %llu", kernel_words,
                 got, want, tol, (unsigned long long)check_seed());
}

/* ---- extents every operation is tried with ---- */

/* Around the widths 4, 8 and 16 and their groups, and primes. */
static const int some_channels[] = {0,  1,  3,  4,  5,  7,  8,  9,
                                    15, 16, 17, 23, 31, 32, 33, 61,
                                    64, 65, 72, 96, 97, 144};

/* Around the 128 rows that a block has. */
static const int some_rows[] = {0, 1, 2, 7, 16, 127, 128, 129, 300};

#endif
