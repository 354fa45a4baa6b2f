/* The arena: what is counted first is what is handed out then. */

#include "check.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/os.h"

/* Some pieces of odd sizes; returns the last. */
static unsigned char *plan(struct sn_arena *a)
{
    (void)sn_arena_take(a, 3, sizeof(double));
    (void)sn_arena_take(a, 0, 4);
    (void)sn_arena_take(a, 1000, 1);
    return sn_arena_take(a, 65, 1);
}

static void counts_then_hands_out(void **state)
{
    (void)state;
    struct sn_arena a;
    struct sn_error err = {0};
    sn_arena_init(&a);
    assert_null(plan(&a));
    const size_t need = a.used;
    assert_true(need >= 64 + 1024 + 128);
    assert_int_equal(need % SN_ARENA_ALIGN, 0);

    check_ok(sn_arena_reserve(&a, need, &err), &err);
    assert_int_equal(a.used, 0);
    unsigned char *last = plan(&a);
    assert_non_null(last);
    assert_int_equal((uintptr_t)last % SN_ARENA_ALIGN, 0);
    for (int i = 0; i < 65; i++)
        assert_int_equal(last[i], 0);
    assert_int_equal(a.used, need);
    assert_int_equal(a.peak, need);

    sn_arena_fill(&a, 0xab);
    for (int i = 0; i < 65; i++)
        assert_int_equal(last[i], 0xab);

    /* A second round reuses the block and finds what it held. */
    last[64] = 7;
    sn_arena_reset(&a, 0);
    assert_int_equal(plan(&a)[64], 7);
    assert_int_equal(a.peak, need);
    sn_arena_release(&a);
    sn_arena_release(&a);
    assert_null(a.base);
}

static void marks_go_back(void **state)
{
    (void)state;
    struct sn_arena a;
    struct sn_error err = {0};
    sn_arena_init(&a);
    check_ok(sn_arena_reserve(&a, 1 << 16, &err), &err);
    void *first = sn_arena_take(&a, 10, 10);
    const size_t mark = a.used;
    void *second = sn_arena_take(&a, 10, 10);
    sn_arena_reset(&a, mark);
    assert_ptr_equal(sn_arena_take(&a, 1, 1), second);
    assert_ptr_not_equal(first, second);
    sn_arena_release(&a);
}

static void large_blocks_are_usable(void **state)
{
    (void)state;
    struct sn_arena a;
    struct sn_error err = {0};
    const size_t size = (5 << 20) + 1;
    sn_arena_init(&a);
    check_ok(sn_arena_reserve(&a, size, &err), &err);
    assert_int_equal((uintptr_t)a.base % (2 << 20), 0);
    assert_true(a.size >= size);
    unsigned char *all = sn_arena_take(&a, size - SN_ARENA_ALIGN, 1);
    memset(all, 1, size - SN_ARENA_ALIGN);
    sn_arena_release(&a);
}

static void refuses_what_the_system_refuses(void **state)
{
    (void)state;
    struct sn_arena a;
    struct sn_error err = {0};
    sn_arena_init(&a);
    check_fails(sn_arena_reserve(&a, SIZE_MAX - 10, &err), &err, SN_ERR_MEMORY,
                "out of memory: the system refused a block of "
                "18446744073709551605 bytes");
    check_fail_allocation(0);
    const sn_status rc = sn_arena_reserve(&a, 4096, &err);
    assert_true(check_allocation_failed());
    check_fails(rc, &err, SN_ERR_MEMORY, "4096 bytes (0.0 MiB)");
    assert_null(a.base);
}

static void take_too_much(void *arg)
{
    (void)sn_arena_take(arg, 4097, 1);
}

static void take_overflow(void *arg)
{
    (void)sn_arena_take(arg, SIZE_MAX / 2, 3);
}

static void reset_forward(void *arg)
{
    struct sn_arena *a = arg;
    sn_arena_reset(a, a->used + 64);
}

static void faults_of_ours(void **state)
{
    (void)state;
    struct sn_arena a;
    struct sn_error err = {0};
    sn_arena_init(&a);
    assert_true(check_aborts(take_overflow, &a));
    check_ok(sn_arena_reserve(&a, 4096, &err), &err);
    assert_true(check_aborts(take_too_much, &a));
    assert_true(check_aborts(reset_forward, &a));
    sn_arena_release(&a);
}

static void the_system_answers(void **state)
{
    (void)state;
    char text[256];
    assert_true(sn_os_cores() >= 1);
    assert_true(sn_os_memory_available() > 1 << 20);
    assert_true(sn_os_peak_rss() > 1 << 18);
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(sn_os_columns(f), 0); /* no terminal */
    fclose(f);
    sn_os_name(text, sizeof text);
    assert_true(strlen(text) > 3);
    sn_os_cpu_name(text, sizeof text);
    assert_true(strlen(text) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_then_hands_out),
        cmocka_unit_test(marks_go_back),
        cmocka_unit_test(large_blocks_are_usable),
        cmocka_unit_test(refuses_what_the_system_refuses),
        cmocka_unit_test(faults_of_ours),
        cmocka_unit_test(the_system_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
