/* The flat arrays: where entries lie, how they are drawn, what is found. */

#include "check.h"

#include <math.h>
#include <string.h>

#include "nn/params.h"

static struct sn_error err;

static void add_some(struct sn_params *p)
{
    sn_params_init(p);
    sn_params_add(p, SN_PARAM_CONV, 27, 50, 9, 0, "a.weight");
    sn_params_add(p, SN_PARAM_DEPTHWISE, 25, 61, 25, 0, "b.weight");
    sn_params_add_bn(p, 7, 0.2, "b.bn");
    sn_params_add(p, SN_PARAM_LINEAR, 64, 31, 1, 0, "c.weight");
    sn_params_add_bn(p, 5, 1, "c.bn");
}

static void take_some(struct sn_params *p)
{
    add_some(p);
    check_ok(sn_params_take(p, &err), &err);
}

static void layout(void **state)
{
    (void)state;
    struct sn_params p;
    take_some(&p);
    assert_int_equal(p.count, 7);
    assert_int_equal(p.stats, 2);
    size_t end = 0;
    for (int id = 0; id < p.count; id++) { /* apart, and on cache lines */
        const struct sn_param *it = &p.item[id];
        assert_true(it->first >= end && it->first % SN_LANES == 0);
        end = it->first + (size_t)it->rows * (size_t)it->cols;
        const struct sn_weight w = sn_params_weight(&p, id);
        assert_ptr_equal(w.w, p.w + it->first);
        assert_ptr_equal(w.g, p.g + it->first);
        assert_int_equal(w.ld, it->cols);
        assert_int_equal(sn_params_find(&p, it->name), id);
    }
    assert_true(end <= p.total);
    assert_int_equal(sn_params_find(&p, "a.weigh"), -1);
    assert_string_equal(p.stat[1].name, "c.bn");
    assert_string_equal(p.item[2].name, "b.bn.gamma");
    assert_string_equal(p.item[3].name, "b.bn.beta");
    sn_params_release(&p);
}

/* Deviation of entry id; *mean too. */
static double deviation(const struct sn_params *p, int id, double *mean)
{
    const struct sn_param *it = &p->item[id];
    const size_t n = (size_t)it->rows * (size_t)it->cols;
    double sum = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        const double w = (double)p->w[it->first + i];
        sum += w;
        square += w * w;
    }
    *mean = sum / (double)n;
    return sqrt(square / (double)n - *mean * *mean);
}

/* 1350 to 1984 values each: deviations are known to some 2 %, means to 3 % of
 * a deviation; four times that is asked for. */
static void draw_statistics(void **state)
{
    (void)state;
    struct sn_params p;
    take_some(&p);
    sn_params_draw(&p, check_seed());
    const int ids[3] = {0, 1, 4};
    const double want[3] = {sqrt(2.0 / (9 * 50)), sqrt(2.0 / 25), 0.01};
    for (int i = 0; i < 3; i++) {
        double mean;
        const double dev = deviation(&p, ids[i], &mean);
        assert_true(fabs(dev / want[i] - 1) < 0.08);
        assert_true(fabs(mean) < 0.12 * want[i]);
    }
    for (int ic = 0; ic < 7; ic++) {
        assert_true(p.w[p.item[2].first + (size_t)ic] == (sn_real)0.2);
        assert_true(p.w[p.item[3].first + (size_t)ic] == 0);
    }
    assert_true(p.w[p.item[5].first] == 1);
    sn_params_release(&p);
}

static void draw_is_a_function(void **state)
{
    (void)state;
    struct sn_params a, b;
    take_some(&a);
    take_some(&b);
    sn_params_draw(&a, 5);
    for (size_t i = 0; i < b.total; i++)
        b.w[i] = b.m[i] = b.g[i] = 3; /* leaves no trace */
    b.mean[0] = b.m2[0] = b.counts[0] = 3;
    sn_params_draw(&b, 5);
    check_same(b.w, a.w, a.total * sizeof *a.w, "weights");
    check_same(b.m, a.m, a.total * sizeof *a.m, "momenta");
    check_same(b.g, a.g, a.total * sizeof *a.g, "gradients");
    assert_true(b.mean[0] == 0 && b.m2[0] == 0 && b.counts[0] == 0);
    sn_params_draw(&b, 6);
    assert_true(memcmp(a.w, b.w, a.total * sizeof *a.w) != 0);
    sn_params_release(&a);
    sn_params_release(&b);
}

static void zeroing(void **state)
{
    (void)state;
    struct sn_params p;
    take_some(&p);
    for (size_t i = 0; i < p.total; i++)
        p.w[i] = p.g[i] = 1;
    for (size_t i = 0; i < p.stat_total; i++)
        p.mean[i] = p.m2[i] = 1;
    p.counts[1] = 9;
    sn_params_zero_grad(&p);
    sn_params_zero_stats(&p);
    for (size_t i = 0; i < p.total; i++)
        assert_true(p.g[i] == 0 && p.w[i] == 1);
    for (size_t i = 0; i < p.stat_total; i++)
        assert_true(p.mean[i] == 0 && p.m2[i] == 0);
    assert_true(p.counts[1] == 0);
    sn_params_release(&p);
}

static void add_twice(void *arg)
{
    sn_params_add(arg, SN_PARAM_BETA, 1, 1, 0, 0, "a.weight");
}

static void names_are_unique(void **state)
{
    (void)state;
    struct sn_params p;
    add_some(&p);
    assert_true(check_aborts(add_twice, &p));
    sn_params_release(&p);
}

static void memory_runs_out(void **state)
{
    (void)state;
    int failures = 0;
    for (int n = 0;; n++) {
        struct sn_params p;
        check_fail_allocation(n);
        add_some(&p);
        const sn_status rc = sn_params_take(&p, &err);
        if (!check_allocation_failed()) {
            check_ok(rc, &err);
            sn_params_release(&p);
            break;
        }
        check_fails(rc, &err, SN_ERR_MEMORY, "memory");
        sn_params_release(&p);
        failures++;
    }
    assert_true(failures >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout),
        cmocka_unit_test(draw_statistics),
        cmocka_unit_test(draw_is_a_function),
        cmocka_unit_test(zeroing),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
