/* The tests' shared helpers.  Guarded arrays carry a pattern before and behind
 * their values; temporary files live in one folder per program; allocations of
 * our own code pass through the __wrap_ functions below (the linker's --wrap)
 * so that each of them can be made to fail. */

#define _XOPEN_SOURCE 700 /* nftw */

#include "check.h"

#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"

enum { GUARD_VALUES = 16, GUARD_BYTE = 0xa5, DIRECTIONS = 3 };

/* ---- allocations that fail on request ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);

static int until_failure = -1; /* allocations left, -1 = never fail */
static bool failed;

static bool refuse(void)
{
    if (until_failure < 0)
        return false;
    failed = until_failure == 0;
    until_failure--;
    return failed;
}

void *__wrap_malloc(size_t size)
{
    return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refuse() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return refuse() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return refuse() ? NULL : __real_aligned_alloc(align, size);
}

void check_fail_allocation(int n)
{
    until_failure = n;
    failed = false;
}

bool check_allocation_failed(void)
{
    until_failure = -1;
    return failed;
}

/* An allocation of the tests themselves. */
static void *must_alloc(size_t bytes)
{
    void *p = __real_malloc(bytes ? bytes : 1);
    if (!p) {
        fprintf(stderr, "check: out of memory\n");
        abort();
    }
    return p;
}

/* ---- start and end of a program ---- */

struct kept { /* freed at the end of the program */
    struct kept *next;
    void *data;
};

static struct kept *kept_list;
static char *temp_dir;
static pid_t owner; /* a forked child must not remove the folder */

static void *keep(void *data)
{
    struct kept *k = must_alloc(sizeof *k);
    *k = (struct kept){kept_list, data};
    kept_list = k;
    return data;
}

static int remove_entry(const char *path, const struct stat *st, int type,
                        struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void clean_up(void)
{
    if (getpid() != owner)
        return;
    if (temp_dir)
        nftw(temp_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    while (kept_list) {
        struct kept *next = kept_list->next;
        free(kept_list->data);
        free(kept_list);
        kept_list = next;
    }
}

/* `make test ONLY=word` runs, in a program whose path has no such word, only
 * the tests whose names have it. */
__attribute__((constructor)) static void start(void)
{
    static char pattern[256];
    const char *only = getenv("CHECK_FILTER");
    if (only && *only) {
        snprintf(pattern, sizeof pattern, "*%s*", only);
        cmocka_set_test_filter(pattern);
    }
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash loses no line */
    owner = getpid();
    atexit(clean_up);
}

uint64_t check_seed(void)
{
    const char *text = getenv("SEED");
    return text && *text ? strtoull(text, NULL, 10) : 1;
}

/* ---- guarded arrays ---- */

struct guarded {
    struct guarded *next;
    unsigned char *block;
    size_t values;
};

static struct guarded *guarded_list;
static uint32_t noise_drawn; /* arrays since the last check_guards() */

sn_real *check_zeros(ptrdiff_t n)
{
    const size_t guard = GUARD_VALUES * sizeof(sn_real);
    const size_t bytes = (size_t)n * sizeof(sn_real);
    struct guarded *g = must_alloc(sizeof *g);
    g->next = guarded_list;
    g->values = (size_t)n;
    g->block = must_alloc(bytes + 2 * guard);
    guarded_list = g;
    memset(g->block, GUARD_BYTE, bytes + 2 * guard);

    /* One value further than malloc's 16 bytes: aligned to nothing wider. */
    sn_real *x = (sn_real *)(void *)g->block + GUARD_VALUES - 1;
    for (ptrdiff_t i = 0; i < n; i++)
        x[i] = 0;
    return x;
}

sn_real *check_noise(ptrdiff_t n)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    const uint32_t item = noise_drawn++;
    sn_real *x = check_zeros(n);
    for (ptrdiff_t i = 0; i < n; i++)
        x[i] = (sn_real)(2 * sn_rng_uniform(rng, 0, item, (uint64_t)i) - 1);
    return x;
}

sn_real *check_copy(const sn_real *x, ptrdiff_t n)
{
    sn_real *copy = check_zeros(n);
    for (ptrdiff_t i = 0; i < n; i++)
        copy[i] = x[i];
    return copy;
}

void check_poison(sn_real *x, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        x[i] = (sn_real)NAN;
}

void check_poisoned(const sn_real *x, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        if (!isnan(x[i]))
            fail_msg("a gap was written: value %td of %td is %g", i, n,
                     (double)x[i]);
}

/* Index of the first byte of b[n] that is not the pattern, or n. */
static size_t first_broken(const unsigned char *b, size_t n)
{
    size_t i = 0;
    while (i < n && b[i] == GUARD_BYTE)
        i++;
    return i;
}

void check_guards(void)
{
    const size_t before = (GUARD_VALUES - 1) * sizeof(sn_real);
    const size_t behind = (GUARD_VALUES + 1) * sizeof(sn_real);
    size_t broken = 0;
    while (guarded_list) {
        struct guarded *g = guarded_list;
        const size_t bytes = g->values * sizeof(sn_real);
        if (first_broken(g->block, before) < before ||
            first_broken(g->block + before + bytes, behind) < behind) {
            print_error("written outside an array of %zu values\n", g->values);
            broken++;
        }
        guarded_list = g->next;
        free(g->block);
        free(g);
    }
    noise_drawn = 0;
    if (broken)
        fail_msg("%zu guard zones broken, seed %llu", broken,
                 (unsigned long long)check_seed());
}

/* ---- comparing ---- */

/* |a - b|, infinity when either is not finite. */
static double distance(sn_real a, sn_real b)
{
    const double d = fabs((double)a - (double)b);
    return isfinite(d) ? d : (double)INFINITY;
}

void check_near(const sn_real *got, const sn_real *want, ptrdiff_t n,
                double tol, const char *fmt, ...)
{
    ptrdiff_t worst = 0, wrong = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        wrong += !(distance(got[i], want[i]) <= tol);
        if (distance(got[i], want[i]) > distance(got[worst], want[worst]))
            worst = i;
    }
    if (wrong == 0)
        return;

    char words[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    fail_msg("%s: %td of %td values differ by more than %g; value %td is %.9g, "
             "expected %.9g; seed %llu",
             words, wrong, n, tol, worst, (double)got[worst],
             (double)want[worst], (unsigned long long)check_seed());
}

void check_same(const void *got, const void *want, size_t bytes,
                const char *what)
{
    const unsigned char *a = got, *b = want;
    for (size_t i = 0; i < bytes; i++)
        if (a[i] != b[i])
            fail_msg("%s: byte %zu of %zu is %02x, expected %02x; seed %llu",
                     what, i, bytes, a[i], b[i],
                     (unsigned long long)check_seed());
}

double check_relative(const sn_real *got, const sn_real *want, ptrdiff_t n)
{
    double error = 0, scale = 0;
    for (ptrdiff_t i = 0; i < n; i++) { /* gcc 12 for aarch64 dies of fmax() */
        const double d = distance(got[i], want[i]), w = fabs((double)want[i]);
        error = d > error ? d : error;
        scale = w > scale ? w : scale;
    }
    return scale > 0 ? error / scale : error;
}

double check_gradient(double (*loss)(void *ctx), void *ctx, sn_real *x,
                      const sn_real *grad, ptrdiff_t n, double h)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    const size_t bytes = (size_t)n * sizeof *x;
    sn_real *origin = must_alloc(bytes);
    double *d = must_alloc((size_t)n * sizeof *d);
    double worst = 0;
    memcpy(origin, x, bytes);
    for (uint32_t i = 0; i < DIRECTIONS; i++) {
        double inner = 0, loss_at[2];
        for (ptrdiff_t j = 0; j < n; j++) {
            d[j] = sn_rng_normal(rng, 1, i, (uint64_t)j);
            inner += d[j] * (double)grad[j];
        }
        for (int side = 0; side < 2; side++) {
            for (ptrdiff_t j = 0; j < n; j++)
                x[j] = (sn_real)((double)origin[j] + (side ? h : -h) * d[j]);
            loss_at[side] = loss(ctx);
        }
        const double slope = (loss_at[1] - loss_at[0]) / (2 * h);
        const double scale = fmax(fabs(slope), fabs(inner));
        const double error = scale > 0 ? fabs(slope - inner) / scale : 0;
        if (!(error <= worst)) /* a NaN is the worst of all, and stays it */
            worst = isnan(error) ? (double)INFINITY : error;
    }
    memcpy(x, origin, bytes);
    free(origin);
    free(d);
    return worst;
}

/* ---- failing on purpose ---- */

void check_ok_at(sn_status rc, const struct sn_error *err, const char *file,
                 int line)
{
    if (rc == SN_OK)
        return;
    print_error("status %d: %s\n", (int)rc, err->text);
    _fail(file, line);
}

void check_fails_at(sn_status rc, struct sn_error *err, sn_status code,
                    const char *text, const char *file, int line)
{
    if (rc != code || err->code != code || !strstr(err->text, text)) {
        print_error("expected status %d with: %s\n"
                    "found status %d, code %d, with: %s\n",
                    (int)code, text, (int)rc, (int)err->code, err->text);
        _fail(file, line);
    }
    *err = (struct sn_error){0};
}

bool check_aborts(void (*fn)(void *arg), void *arg)
{
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka catches it otherwise */
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        fn(arg);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* ---- files ---- */

const char *check_dir(void)
{
    if (!temp_dir) {
        const char *base = getenv("TMPDIR");
        char *dir = keep(must_alloc(4096));
        snprintf(dir, 4096, "%s/supernet-check-XXXXXX",
                 base && *base ? base : "/tmp");
        assert_non_null(mkdtemp(dir));
        temp_dir = dir;
    }
    return temp_dir;
}

const char *check_path(const char *name)
{
    const char *dir = check_dir();
    const size_t size = strlen(dir) + strlen(name) + 2;
    char *path = keep(must_alloc(size));
    snprintf(path, size, "%s/%s", dir, name);
    return path;
}

const char *check_write(const char *name, const void *data, size_t bytes)
{
    const char *path = check_path(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
    return path;
}

const char *check_write_text(const char *name, const char *text)
{
    return check_write(name, text, strlen(text));
}

char *check_read(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be opened", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    const long size = ftell(f);
    assert_true(size >= 0);
    rewind(f);
    char *data = keep(must_alloc((size_t)size + 1));
    assert_int_equal(fread(data, 1, (size_t)size, f), (size_t)size);
    fclose(f);
    data[size] = '\0';
    if (bytes)
        *bytes = (size_t)size;
    return data;
}
