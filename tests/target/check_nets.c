/* Whole nets: their codes, and what is learned of a device from them alone. */

#include "check.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"
#include "target/estimator_internal.h"
#include "target/net_csv.h"

static uint32_t pick(uint32_t item, uint64_t index, uint32_t n)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    return sn_rng_below(rng, 3, item, index, n);
}

static double macs(const struct sn_unit *u)
{
    struct sn_part part[SN_UNIT_MAX_PARTS];
    double sum = 0;
    for (int i = sn_unit_parts(u, part) - 1; i >= 0; i--)
        sum += sn_part_macs(&part[i]);
    return sum;
}

static double macs_of_net(const struct sn_sums *s, int net)
{
    double sum = 0;
    for (int it = s->start[net]; it < s->start[net + 1]; it++)
        sum += s->count[it] * macs(s->unit[s->index[it]]);
    return sum;
}

static struct sn_net_table read_text(const char *text, const char *column)
{
    struct sn_error err = {0};
    struct sn_net_table t = {0};
    check_ok(sn_net_table_read(&t, check_write_text("n.csv", text), column,
                               NULL, &err),
             &err);
    return t;
}

static void codes_are_read(void **state)
{
    (void)state;
    /* the multiply-adds are those of the layout that net_csv.h names, added up
     * elsewhere */
    struct sn_net_table t = read_text(
        "e,k,l,se,zcu_latency_ms\n6466611,3535533,1233222,0000000,5.02342\n",
        "zcu_latency_ms");
    struct sn_sums s = sn_net_table_sums(&t);
    assert_int_equal(s.n, 1);
    assert_true(fabs(s.us[0] - 5023.42) < 1e-9);
    assert_true(macs_of_net(&s, 0) == 375723888);
    sn_net_table_release(&t);

    t = read_text("device,res,stem,blocks,latency_us\n"
                  "a,64,8,ie1k3c16s1;ie6k5c24s2;ie6k5c24s1;fe2k3c24s1,7\n",
                  NULL);
    s = sn_net_table_sums(&t);
    assert_string_equal(t.device, "a");
    assert_int_equal(s.units, 6); /* stem, four blocks, head */
    assert_int_equal(s.unit[2]->mid, 96);
    assert_int_equal(s.unit[2]->h, 32);
    assert_int_equal(s.unit[3]->h, 16);
    assert_true(s.unit[3]->skip && s.unit[4]->skip && !s.unit[2]->skip);
    assert_int_equal(s.unit[4]->op, SN_UNIT_FUSED);
    assert_int_equal(s.unit[5]->cout, 256);
    sn_net_table_release(&t);

    t = read_text("input,arch,latency_ms\n"
                  "32x32x3,conv k3 s1 c16;ibn k3 e6 s2 c24;ibn k3 e6 s1 c24;"
                  "ibn k3 e6 s1 c24;conv k1 s1 c64;gap;fc c10,2\n",
                  NULL);
    s = sn_net_table_sums(&t);
    assert_int_equal(s.units, 6);
    assert_true(s.count[2] == 2);
    assert_int_equal(s.unit[4]->op, SN_UNIT_GAP);
    assert_int_equal(s.unit[5]->cin, 64);
    assert_int_equal(s.unit[5]->cout, 10);
    assert_true(s.us[0] == 2000);
    sn_net_table_release(&t);

    t = read_text("input,act,arch,latency_us\n"
                  "8x8x3,relu6,conv k3 s1 c16;conv k3 s1 c16 res;"
                  "conv k3 s1 c16;gap;fc c10,2\n",
                  NULL);
    s = sn_net_table_sums(&t);
    assert_int_equal(s.units, 5); /* with a residual it is another unit */
    assert_true(s.unit[1]->skip && !s.unit[2]->skip);
    assert_int_equal(s.unit[1]->act, SN_UNIT_RELU6);
    assert_int_equal(s.unit[4]->act, SN_UNIT_LINEAR); /* it makes logits */
    sn_net_table_release(&t);
}

static void hostile_files_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *text, *column;
        sn_status code;
        const char *says;
    } cases[] = {
        {"op,latency_us\n", NULL, SN_ERR_INPUT, ":1: found no code of nets"},
        {"e,k,l,se\n", NULL, SN_ERR_CONFIG, "found no column 'latency_ms'"},
        {"e,k,l,se,x_ms\n", "y_ms", SN_ERR_CONFIG, "found no column 'y_ms'"},
        {"e,k,l,se,fps\n", "fps", SN_ERR_CONFIG, "ends in _us, _ms or _s"},
        {"e,k,l,se,latency_us\n", NULL, SN_ERR_INPUT, "found no net"},
        {"e,k,l,se,latency_us\n1,3,1,0,5\n", NULL, SN_ERR_INPUT,
         ":2: e: found '1', expected seven digits"},
        {"e,k,l,se,latency_us\n1111111,3333333,1111111,0000002,5\n", NULL,
         SN_ERR_INPUT, "se: found '0000002', expected seven digits out of 01"},
        {"e,k,l,se,latency_us\n1111111,3333333,1111111,0000000,x\n", NULL,
         SN_ERR_INPUT, "latency_us: found 'x', expected a number"},
        {"res,stem,blocks,latency_us\n0,8,ie1k3c16s1,5\n", NULL, SN_ERR_INPUT,
         "res: found '0', expected a side"},
        {"res,stem,blocks,latency_us\n8,8x,ie1k3c16s1,5\n", NULL, SN_ERR_INPUT,
         "stem: found '8x'"},
        {"res,stem,blocks,latency_us\n8,8,ie1k3c16,5\n", NULL, SN_ERR_INPUT,
         "blocks: found 'ie1k3c16', expected such as"},
        {"res,stem,blocks,latency_us\n8,8,ie1k3c99999s1,5\n", NULL,
         SN_ERR_INPUT, "blocks: found"},
        {"input,arch,latency_us\n8x4x3,gap,5\n", NULL, SN_ERR_INPUT,
         "input: found '8x4x3', expected such as 32x32x3"},
        {"input,arch,latency_us\n8x8x3,conv k3,5\n", NULL, SN_ERR_INPUT,
         "arch: found 'conv k3', expected such as"},
        {"input,arch,latency_us\n8x8x3,,5\n", NULL, SN_ERR_INPUT,
         "found a net of no units"},
        {"device,input,arch,latency_us\na,8x8x3,gap,5\nb,8x8x3,gap,5\n", NULL,
         SN_ERR_CONFIG, ":3: found nets of several devices"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sn_error err = {0};
        struct sn_net_table t = {0};
        check_fails(sn_net_table_read(&t,
                                      check_write_text("h.csv", cases[i].text),
                                      cases[i].column, NULL, &err),
                    &err, cases[i].code, cases[i].says);
    }
}

/* A device on which every unit deviates from its arithmetic in its own way,
 * but wide kernels and squeezing always cost more. */
static double truth(const struct sn_unit *u)
{
    const double own = sin(u->cout + 3.0 * u->mid) * 0.1;
    return 5 + macs(u) / 1e5 * (1 + own) * (u->k > 3 ? 1.6 : 1) +
           (u->se ? 40 : 0);
}

/* n nets of the Accel-NASBench space on that device. */
static struct sn_net_table make_nets(int n)
{
    struct sn_text text = {0};
    sn_text_add(&text, "e,k,l,se,latency_us\n");
    for (uint32_t i = 0; i < (uint32_t)n; i++) {
        static const char *const of[] = {"146", "35", "123", "01"};
        for (uint32_t column = 0; column < 4; column++) {
            for (uint64_t is = 0; is < 7; is++)
                sn_text_add(&text, "%c",
                            of[column][pick(4 * i + column, is,
                                            (uint32_t)strlen(of[column]))]);
            sn_text_add(&text, ",");
        }
        sn_text_add(&text, "1\n");
    }
    char *whole = sn_text_take(&text);
    assert_non_null(whole);
    struct sn_net_table t = read_text(whole, NULL);
    free(whole);
    for (int i = 0; i < t.n; i++) {
        t.us[i] = 100; /* what no unit takes */
        for (int it = t.start[i]; it < t.start[i + 1]; it++)
            t.us[i] += t.count[it] * truth(&t.unit[t.index[it]]);
    }
    return t;
}

static struct sn_estimator *fit_nets(const struct sn_net_table *t, int n,
                                     struct sn_fit_nets *report)
{
    struct sn_error err = {0};
    struct sn_estimator *e;
    struct sn_fit_report none;
    struct sn_sums sums = sn_net_table_sums(t);
    const struct sn_fit_rows rows = {0};
    const struct sn_fit_options o = {.device = "d", .dtype = "", .folds = 3};
    sums.n = n;
    check_ok(sn_estimator_fit(&e, &none, &rows, &o, &err), &err);
    check_ok(sn_estimator_fit_nets(e, report, &sums, 3, 1, &err), &err);
    return e;
}

static void few_nets_teach_a_device(void **state)
{
    (void)state;
    enum { NETS = 90, SEEN = 70 };
    struct sn_error err = {0};
    struct sn_net_table t = make_nets(NETS);
    const struct sn_sums all = sn_net_table_sums(&t);
    struct sn_fit_nets report;
    struct sn_estimator *e = fit_nets(&t, SEEN, &report);
    assert_int_equal(report.nets, SEEN);
    assert_int_equal(report.kind, SN_NETS_KRIGED);
    assert_true(report.score[SN_NETS_KRIGED].mape <
                0.7 * report.score[SN_NETS_AFFINE].mape);
    double error = 0;
    for (int i = SEEN; i < NETS; i++) { /* never seen */
        double us = 1e6 * sn_estimator_constant(e);
        for (int it = all.start[i]; it < all.start[i + 1]; it++)
            us += 1e6 * all.count[it] *
                  sn_estimator_predict(e, all.unit[all.index[it]]).seconds;
        error += fabs(us / all.us[i] - 1) / (NETS - SEEN);
    }
    if (!(error < 0.05))
        fail_msg("off by %.2f %% on average", 100 * error);
    /* through a file, to the bit */
    struct sn_estimator *again;
    const char *path = check_path("n.est");
    check_ok(sn_estimator_save(e, path, &err), &err);
    check_ok(sn_estimator_load(&again, path, &err), &err);
    assert_true(sn_estimator_hash(e) == sn_estimator_hash(again));
    assert_true(sn_estimator_constant(e) == sn_estimator_constant(again));
    for (int i = 0; i < all.units; i++)
        assert_true(sn_estimator_predict(e, all.unit[i]).seconds ==
                    sn_estimator_predict(again, all.unit[i]).seconds);
    sn_estimator_destroy(e);
    sn_estimator_destroy(again);
    sn_fit_nets_release(&report);
    sn_net_table_release(&t);
}

static void a_net_is_enough(void **state)
{
    (void)state;
    struct sn_net_table t = make_nets(12);
    for (int n = 1; n <= 12; n += 3) {
        struct sn_fit_nets report;
        struct sn_estimator *e = fit_nets(&t, n, &report);
        for (int i = 0; i < t.units; i++) {
            const double s = sn_estimator_predict(e, &t.unit[i]).seconds;
            assert_true(isfinite(s) && s > 0);
        }
        assert_true(n >= 4 || report.kind == SN_NETS_SUM);
        sn_estimator_destroy(e);
        sn_fit_nets_release(&report);
    }
    sn_net_table_release(&t);
}

static void damaged_points_are_refused(void **state)
{
    (void)state;
    struct sn_error err = {0};
    static const char *const bad[] = {"[99,", "[0.5,", "[\"a\","};
    struct sn_net_table t = make_nets(40);
    struct sn_fit_nets report;
    struct sn_estimator *e = fit_nets(&t, 40, &report), *none = NULL;
    const char *path = check_path("p.est");
    check_ok(sn_estimator_save(e, path, &err), &err);
    assert_int_equal(report.kind, SN_NETS_KRIGED);
    char *whole = check_read(path, NULL);
    char *at = strstr(whole, "\"points\":[[");
    assert_non_null(at);
    for (int i = 0; i < 3; i++) {
        struct sn_text text = {0};
        sn_text_add_bytes(&text, whole, (size_t)(at - whole));
        sn_text_add(&text, "\"points\":[%s%s", bad[i], at + 11);
        char *other = sn_text_take(&text);
        check_fails(
            sn_estimator_load(&none, check_write_text("q.est", other), &err),
            &err, SN_ERR_INPUT, "expected the numbers of a unit");
        free(other);
    }
    sn_estimator_destroy(e);
    sn_fit_nets_release(&report);
    sn_net_table_release(&t);
}

static void survives_short_memory(void **state)
{
    (void)state;
    struct sn_net_table t = make_nets(14);
    const struct sn_sums sums = sn_net_table_sums(&t);
    const char *path =
        check_write_text("m.csv", "input,arch,latency_us\n8x8x3,gap,5\n");
    const int before = omp_get_max_threads();
    omp_set_num_threads(1); /* allocations are counted one after the other */
    for (int i = 0;; i++) {
        struct sn_error err = {0};
        struct sn_fit_nets report = {0};
        struct sn_net_table read = {0};
        struct sn_estimator *e = calloc(1, sizeof *e);
        e->nets.gain = 1;
        check_fail_allocation(i);
        sn_status rc = sn_estimator_fit_nets(e, &report, &sums, 2, 1, &err);
        if (rc == SN_OK)
            rc = sn_net_table_read(&read, path, NULL, NULL, &err);
        const bool failed = check_allocation_failed();
        sn_fit_nets_release(&report);
        sn_net_table_release(&read);
        sn_estimator_destroy(e);
        if (!failed) {
            check_ok(rc, &err);
            break;
        }
        assert_int_equal(rc, SN_ERR_MEMORY);
    }
    omp_set_num_threads(before);
    sn_net_table_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_read),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(few_nets_teach_a_device),
        cmocka_unit_test(a_net_is_enough),
        cmocka_unit_test(damaged_points_are_refused),
        cmocka_unit_test(survives_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
