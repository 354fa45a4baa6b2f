/* Timing units: which can be timed, what is told; how long is the machine's. */

#include "target/measure.h"

#include <omp.h>
#include <stdio.h>

#include "base/clock.h"
#include "check.h"

static const struct sn_unit units[] = {
    {SN_UNIT_CONV, 3, 8, 9, 7, .k = 3, .stride = 2, .groups = 1, .batch = 1,
     .act = SN_UNIT_RELU6},
    {SN_UNIT_CONV, 16, 8, 5, 5, .k = 1, .stride = 1, .groups = 1, .batch = 1,
     .act = SN_UNIT_RELU},
    {SN_UNIT_IBN, 8, 8, 6, 6, .k = 3, .stride = 1, .groups = 1, .mid = 24,
     .batch = 1, .act = SN_UNIT_HSWISH, .skip = true, .expands = true},
    {SN_UNIT_IBN, 8, 12, 6, 6, .k = 5, .stride = 2, .groups = 1, .mid = 8,
     .batch = 1, .act = SN_UNIT_RELU6},
    {SN_UNIT_FUSED, 8, 12, 1, 1, .k = 3, .stride = 1, .groups = 1, .mid = 16,
     .batch = 1, .act = SN_UNIT_RELU6},
    {SN_UNIT_GAP, 20, 20, 4, 4, .k = 1, .stride = 1, .groups = 1, .batch = 1,
     .act = SN_UNIT_RELU6},
    {SN_UNIT_FC, 20, 7, 1, 1, .k = 1, .stride = 1, .groups = 1, .batch = 1},
};

enum { UNITS = sizeof units / sizeof *units };

static void some_units_can_be_timed(void **state)
{
    (void)state;
    for (int i = 0; i < UNITS; i++)
        assert_true(sn_measure_can(&units[i]));
    struct sn_unit u = units[2];
    u.se = 4;
    assert_false(sn_measure_can(&u));
    u = units[2];
    u.batch = 8;
    assert_false(sn_measure_can(&u));
    u = units[1];
    u.groups = 2;
    assert_false(sn_measure_can(&u));
    u = units[1];
    u.op = SN_UNIT_RESIZE;
    assert_false(sn_measure_can(&u));
}

static int told;

static void tell(void *context, int settled)
{
    assert_ptr_equal(context, &told);
    assert_true(settled >= 0 && settled <= UNITS);
    told++;
}

static void every_unit_gets_a_time(void **state)
{
    (void)state;
    struct sn_kernels k;
    struct sn_timing t[UNITS], reference;
    struct sn_error err = {0};
    sn_kernels_init(&k, sn_cpu_isa());
    omp_set_num_threads(1);
    const struct sn_measuring m = {.k = &k,
                                   .unit = units,
                                   .n = UNITS,
                                   .precision = 0.02,
                                   .until = sn_clock_seconds(),
                                   .seed = 1,
                                   .tell = tell,
                                   .context = &told};
    check_ok(sn_measure_group(&m, t, &reference, &err), &err);
    assert_true(told > 0);
    assert_true(reference.seconds > 0 && reference.runs > 0);
    for (int i = 0; i < UNITS; i++) {
        assert_true(t[i].seconds > 0 && t[i].seconds < 1);
        assert_true(t[i].runs >= 11 && t[i].runs <= 4 * SN_MEASURE_RUNS);
        assert_true(t[i].spread >= 0);
        assert_true(t[i].outliers >= 0 && t[i].outliers < t[i].runs);
    }
}

static void memory_that_is_not_there(void **state)
{
    (void)state;
    struct sn_kernels k;
    struct sn_timing t, reference;
    int refused = 0;
    sn_kernels_init(&k, sn_cpu_isa());
    omp_set_num_threads(1);
    for (;; refused++) {
        struct sn_error err = {0};
        const struct sn_measuring m = {
            .k = &k, .unit = &units[4], .n = 1, .precision = 1};
        check_fail_allocation(refused);
        const sn_status rc = sn_measure_group(&m, &t, &reference, &err);
        if (!check_allocation_failed()) {
            check_ok(rc, &err);
            break;
        }
        assert_int_equal(rc, SN_ERR_MEMORY);
    }
    assert_true(refused > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(some_units_can_be_timed),
        cmocka_unit_test(every_unit_gets_a_time),
        cmocka_unit_test(memory_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
