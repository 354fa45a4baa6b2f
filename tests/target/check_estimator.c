/* Estimators: what is learned of a device that is known, and what is refused
 * of files. */

#include "check.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"
#include "target/estimator_internal.h"

static uint32_t pick(uint32_t item, uint64_t index, uint32_t n)
{
    const struct sn_rng rng = sn_rng_make(check_seed(), SN_RNG_SYNTHETIC);
    return sn_rng_below(rng, 1, item, index, n);
}

enum { ROWS = 240 };

/* Convolutions of all sizes, half of them from DRAM; some depthwise. */
struct rows {
    struct sn_unit unit[ROWS];
    const struct sn_unit *at[ROWS];
    double us[ROWS];
};

static struct sn_unit draw_unit(uint32_t i, uint32_t salt)
{
    const bool dw = i % 4 == 0;
    struct sn_unit u = {.op = dw ? SN_UNIT_DWCONV : SN_UNIT_CONV,
                        .cin = 1 + (int)pick(salt + i, 0, 200),
                        .cout = 1 + (int)pick(salt + i, 1, 200),
                        .h = 4 + (int)pick(salt + i, 2, 60),
                        .k = 1 + 2 * (int)pick(salt + i, 3, 3),
                        .stride = 1 + (int)pick(salt + i, 4, 2),
                        .groups = 1,
                        .batch = 1,
                        .in_dram = pick(salt + i, 5, 2),
                        .out_dram = pick(salt + i, 6, 2)};
    u.w = u.h;
    if (dw)
        u.cout = u.groups = u.cin;
    return u;
}

/* A device that is a roofline: 16 x 8 lanes, depthwise 16 channels. */
static const struct sn_roofline truth = {
    .us = {0.002, 0.004, 0.001, 0, 1e-5, 1e-4, 2e-4, 0.5},
    .sharpness = 64,
    .in_lanes = 16,
    .out_lanes = 8,
    .pixel_lanes = 1,
    .dw_lanes = 16,
    .dw_pixels = 1,
    .dw_taps = 1};

static void make_rows(struct rows *r, uint32_t salt)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        r->unit[i] = draw_unit(i, salt);
        r->at[i] = &r->unit[i];
        r->us[i] = sn_roofline_predict(&truth, &r->unit[i]);
    }
}

/* Lanes and coefficients come back from times alone. */
static void a_roofline_is_found(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct rows seen, other;
    struct sn_roofline r;
    make_rows(&seen, 1000);
    make_rows(&other, 5000);
    check_ok(sn_roofline_fit_units(&r, seen.at, seen.us, ROWS, &err), &err);
    assert_int_equal(r.in_lanes, 16);
    assert_int_equal(r.out_lanes, 8);
    assert_int_equal(r.dw_lanes, 16);
    double worst = 0;
    for (int i = 0; i < ROWS; i++)
        worst =
            fmax(worst,
                 fabs(sn_roofline_predict(&r, other.at[i]) / other.us[i] - 1));
    if (!(worst < 0.02))
        fail_msg("a unit is off by %.3g %%", 100 * worst);
}

static sn_status fit(struct sn_estimator **e, struct sn_fit_report *report,
                     const struct rows *r, int n, const sn_family *only,
                     struct sn_error *err)
{
    const struct sn_fit_rows rows = {.unit = r->at, .us = r->us, .n = n};
    const struct sn_fit_options o = {.device = "drawn",
                                     .dtype = "int8",
                                     .seed = 1,
                                     .folds = 3,
                                     .only = only};
    return sn_estimator_fit(e, report, &rows, &o, err);
}

static void the_best_family_wins(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct sn_estimator *e;
    struct sn_fit_report report;
    struct rows r;
    make_rows(&r, 1000);
    check_ok(fit(&e, &report, &r, ROWS, NULL, &err), &err);
    assert_int_equal(report.classes, 2);
    for (int i = 0; i < report.classes; i++) {
        const struct sn_fit_class *c = &report.item[i];
        assert_int_equal(c->rows, c->op == SN_UNIT_CONV ? 180 : 60);
        for (int f = 0; f < SN_FAMILIES; f++)
            assert_true(!c->tried[f] ||
                        c->score[f].mape >= c->score[c->family].mape);
        assert_true(c->score[c->family].mape < 0.03);
        struct sn_score again; /* the figures are of the rows that are told */
        check_ok(
            sn_score_make(&again, c->measured, c->predicted, c->rows, &err),
            &err);
        assert_true(again.mape == c->score[c->family].mape);
    }
    assert_true(sn_estimator_has(e, SN_UNIT_CONV));
    assert_false(sn_estimator_has(e, SN_UNIT_ADD));
    assert_string_equal(sn_estimator_device(e), "drawn");
    sn_estimator_destroy(e);
    sn_fit_report_release(&report);
}

static void few_rows_are_enough(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct sn_estimator *e;
    struct sn_fit_report report;
    struct rows r;
    make_rows(&r, 1000);
    for (int n = 1; n < 12; n++) {
        check_ok(fit(&e, &report, &r, n, NULL, &err), &err);
        for (int i = 0; i < n; i++) {
            const double s = sn_estimator_predict(e, r.at[i]).seconds;
            assert_true(isfinite(s) && s > 0);
        }
        sn_estimator_destroy(e);
        sn_fit_report_release(&report);
    }
}

static void the_unmeasured_is_told(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct sn_estimator *e;
    struct sn_fit_report report;
    struct rows r;
    make_rows(&r, 1000);
    check_ok(fit(&e, &report, &r, ROWS, NULL, &err), &err);
    for (int i = 0; i < ROWS; i++)
        assert_null(sn_estimator_predict(e, r.at[i]).outside);
    struct sn_unit u = r.unit[1];
    u.cin = 1600;
    const struct sn_estimate far = sn_estimator_predict(e, &u);
    assert_non_null(far.outside);
    assert_true(far.beyond >= 3 && far.beyond < 12);
    assert_true(isfinite(far.seconds) && far.seconds > 0);
    sn_estimator_destroy(e);
    sn_fit_report_release(&report);
}

/* One family after the other through a file. */
static void files_read_back_to_the_bit(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct rows r;
    make_rows(&r, 1000);
    for (int f = 0; f < SN_FAMILIES; f++) {
        const sn_family family = (sn_family)f;
        struct sn_estimator *e, *again;
        struct sn_fit_report report;
        const char *path = check_path("a.est");
        check_ok(fit(&e, &report, &r, ROWS, &family, &err), &err);
        assert_int_equal(report.item[0].family, f);
        check_ok(sn_estimator_save(e, path, &err), &err);
        check_ok(sn_estimator_load(&again, path, &err), &err);
        assert_string_equal(sn_estimator_device(again), "drawn");
        assert_string_equal(sn_estimator_dtype(again), "int8");
        assert_true(sn_estimator_hash(e) == sn_estimator_hash(again));
        for (int i = 0; i < ROWS; i++) {
            const struct sn_estimate a = sn_estimator_predict(e, r.at[i]);
            const struct sn_estimate b = sn_estimator_predict(again, r.at[i]);
            assert_true(a.seconds == b.seconds);
            assert_null(b.outside);
        }
        sn_estimator_destroy(e);
        sn_estimator_destroy(again);
        sn_fit_report_release(&report);
    }
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct rows r;
    uint64_t hash[2];
    const int before = omp_get_max_threads();
    make_rows(&r, 1000);
    for (int i = 0; i < 2; i++) {
        struct sn_estimator *e;
        struct sn_fit_report report;
        omp_set_num_threads(i ? 4 : 1);
        check_ok(fit(&e, &report, &r, ROWS, NULL, &err), &err);
        hash[i] = sn_estimator_hash(e);
        sn_estimator_destroy(e);
        sn_fit_report_release(&report);
    }
    omp_set_num_threads(before);
    assert_true(hash[0] == hash[1]);
}

/* `from` in a text replaced by `to`, once. */
static const char *altered(const char *text, const char *from, const char *to)
{
    struct sn_text t = {0};
    const char *at = strstr(text, from);
    assert_non_null(at);
    sn_text_add_bytes(&t, text, (size_t)(at - text));
    sn_text_add(&t, "%s%s", to, at + strlen(from));
    char *whole = sn_text_take(&t);
    const char *path = check_write_text("bad.est", whole);
    free(whole);
    return path;
}

static void hostile_files_are_refused(void **state)
{
    (void)state;
    struct sn_error err = {0};
    struct sn_fit_report report;
    struct rows r;
    make_rows(&r, 1000);
    const struct {
        sn_family family;
        const char *from, *to, *says;
    } cases[] = {
        {SN_FAMILY_ROOFLINE, "supernet-est", "other-est", "is no estimator"},
        {SN_FAMILY_ROOFLINE, "\"version\":1", "\"version\":9",
         "is of version 9; this program reads 1"},
        {SN_FAMILY_ROOFLINE, "\"device\":\"drawn\"", "\"device\":3",
         "\"device\" is something else; expected text"},
        {SN_FAMILY_ROOFLINE, "drawn",
         "a name that is longer than any device that we ever met",
         "\"device\" is longer than 47 bytes"},
        {SN_FAMILY_ROOFLINE, "\"classes\":{", "\"classes\":{},\"was\":{",
         "has no classes"},
        {SN_FAMILY_ROOFLINE,
         "{\"conv\":", "{\"conf\":", "has a class 'conf' that is not known"},
        {SN_FAMILY_ROOFLINE, "\"roofline\"", "\"oracle\"",
         "class conv: \"family\": expected roofline, ridge or boosted"},
        {SN_FAMILY_ROOFLINE, "\"rows\":", "\"rows\":-",
         "\"rows\": expected a number from 1"},
        {SN_FAMILY_ROOFLINE, "\"launch\":", "\"launch\":-",
         "\"launch\": expected a number from 0"},
        {SN_FAMILY_ROOFLINE, "\"in_lanes\":", "\"in_lanes\":0.",
         "\"in_lanes\": expected a number from 1 to 4096"},
        {SN_FAMILY_ROOFLINE, "\"in_lanes\":16", "\"in_lanes\":16.5",
         "\"in_lanes\": expected a whole number"},
        {SN_FAMILY_ROOFLINE, "\"low\":[", "\"low\":[1,",
         "\"low\": expected 56 numbers"},
        {SN_FAMILY_ROOFLINE, "\"out_lanes\":8", "\"out_lanes\":12",
         "was changed since it was written"},
        {SN_FAMILY_RIDGE, "\"scale\":[", "\"scale\":[0,1,2],\"other\":[",
         "\"scale\": expected 56 numbers"},
        {SN_FAMILY_RIDGE, "\"bias\":", "\"bias\":null,\"other\":",
         "\"bias\": expected a number"},
        {SN_FAMILY_BOOSTED, "\"trees\":[[", "\"trees\":[[1,",
         "\"trees\": expected lists of four numbers"},
        {SN_FAMILY_BOOSTED, "\"trees\":[[", "\"trees\":[],\"other\":[[",
         "\"trees\": expected lists of four numbers"},
        {SN_FAMILY_BOOSTED, "\"trees\":[[", "\"trees\":[[60,0.0,1,0.0],[",
         "\"trees\": expected columns and children"},
        {SN_FAMILY_BOOSTED, "\"trees\":[[",
         "\"trees\":[[0,0,1,0,-1,0,0,0],[0,0,0,0,-1,0,0,0,-1,0,0,0],[",
         "\"trees\": expected columns and children"},
        {SN_FAMILY_BOOSTED, "\"trees\":[[", "\"trees\":[[-1,0,0,\"x\"],[",
         "\"trees\": expected finite numbers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sn_estimator *e, *none = NULL;
        const char *path = check_path("good.est");
        if (i == 0 || cases[i].family != cases[i - 1].family) {
            check_ok(fit(&e, &report, &r, ROWS, &cases[i].family, &err), &err);
            check_ok(sn_estimator_save(e, path, &err), &err);
            sn_estimator_destroy(e);
            sn_fit_report_release(&report);
        }
        check_fails(sn_estimator_load(&none,
                                      altered(check_read(path, NULL),
                                              cases[i].from, cases[i].to),
                                      &err),
                    &err, SN_ERR_INPUT, cases[i].says);
        assert_null(none);
    }
    struct sn_estimator *none = NULL;
    check_fails(
        sn_estimator_load(&none, check_write_text("x.est", "{\"a\":"), &err),
        &err, SN_ERR_INPUT, "x.est:1:");
}

static void survives_short_memory(void **state)
{
    (void)state;
    static struct rows r;
    const int before = omp_get_max_threads();
    omp_set_num_threads(1); /* allocations are counted one after the other */
    make_rows(&r, 1000);
    for (int i = 0;; i++) {
        struct sn_error err = {0};
        struct sn_estimator *e;
        struct sn_fit_report report;
        check_fail_allocation(i);
        const sn_status rc = fit(&e, &report, &r, 20, NULL, &err);
        const bool failed = check_allocation_failed();
        if (rc == SN_OK) {
            sn_estimator_destroy(e);
            sn_fit_report_release(&report);
        }
        if (!failed) {
            check_ok(rc, &err);
            break;
        }
        check_fails(rc, &err, SN_ERR_MEMORY, "no memory");
    }
    omp_set_num_threads(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_roofline_is_found),
        cmocka_unit_test(the_best_family_wins),
        cmocka_unit_test(few_rows_are_enough),
        cmocka_unit_test(the_unmeasured_is_told),
        cmocka_unit_test(files_read_back_to_the_bit),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(survives_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
