/* Several frames in one search: tilted to a budget together, derived from, and
 * written down. */

#include "search/frames.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_space.h"
#include "search/path.h"
#include "search/table_io.h"

struct lab {
    struct sn_space space;
    struct sn_decisions d;
    struct sn_frames frames;
    double lowest, highest;
    double logit[SN_MAX_OPTIONS], p[SN_MAX_OPTIONS];
    double share[SN_MAX_FRAMES];
};

static struct sn_error err;

static struct lab *lab_make(uint32_t item)
{
    struct dice dice = dice_make(item);
    struct lab *lab = calloc(1, sizeof *lab);
    const struct sn_target device = small_target();
    assert_non_null(lab);
    do { /* of two frames at least */
        random_space(&dice, &lab->space, 3, 3);
        random_frames(&dice, &lab->space);
    } while (sn_space_frames(&lab->space) == 1);
    sn_decisions_make(&lab->d, &lab->space);
    check_ok(sn_frames_make(&lab->frames, &lab->space, &device, &err), &err);
    sn_frames_range(&lab->frames, SN_BUDGET_LATENCY, &lab->lowest,
                    &lab->highest);
    for (int io = 0; io < lab->d.total; io++)
        lab->logit[io] = 2.0 * dice_normal(&dice);
    return lab;
}

static void lab_free(struct lab *lab)
{
    sn_frames_release(&lab->frames);
    free(lab);
}

/* E[LAT] over frames and nets, each frame with its own distribution. */
static double expected(const struct lab *lab, double target, double mu)
{
    double sum = 0.0, here[SN_MAX_OPTIONS];
    for (int i = 0; i < lab->frames.count; i++) {
        const struct sn_frame *f = &lab->frames.item[i];
        sn_budget_frame(&f->cost, &f->space, &lab->d, lab->logit, target, mu,
                        here);
        sum += lab->share[i] *
               sn_expected_latency(&f->cost, &f->space, &lab->d, here, NULL);
    }
    return sum;
}

static void all_frames_keep_to_one_target(void **state)
{
    (void)state;
    double worst = 0.0;
    int tilted = 0;
    for (uint32_t i = 0; i < 20; i++) {
        struct lab *lab = lab_make(1200 + i);
        const double target = lab->lowest + 0.2 * (lab->highest - lab->lowest);
        double mu, sum = 0.0;
        sn_budget_tilt_frames(&lab->frames, &lab->d, lab->logit, target, lab->p,
                              lab->share, &mu);
        const double error = expected(lab, target, mu) / target - 1.0;
        assert_true(error <= 1e-12);
        if (mu > 0.0) {
            worst = fmax(worst, -error);
            tilted++;
        }
        for (int j = 0; j < lab->frames.count; j++)
            sum += lab->share[j];
        assert_true(fabs(sum - 1.0) < 1e-12);
        for (int id = 0; id < lab->d.count; id++) {
            double whole = 0.0;
            for (int j = 0; j < lab->d.item[id].n; j++)
                whole += lab->p[lab->d.item[id].first + j];
            assert_true(fabs(whole - 1.0) < 1e-9);
        }
        lab_free(lab);
    }
    printf("E[LAT] below its target by %.1e at most, %d budgets\n", worst,
           tilted);
    assert_true(tilted > 5 && worst < 1e-6);
}

/* Without a budget the shares are those of the logits. */
static void no_budget_no_tilt(void **state)
{
    (void)state;
    struct lab *lab = lab_make(1240);
    double mu, share[SN_MAX_FRAMES], p[SN_MAX_OPTIONS];
    sn_budget_tilt_frames(&lab->frames, &lab->d, lab->logit, 0.0, lab->p,
                          lab->share, &mu);
    assert_true(mu == 0.0);
    sn_budget_softmax(&lab->d, lab->logit, p);
    sn_frames_share(&lab->frames, &lab->d, p, share);
    for (int i = 0; i < lab->frames.count; i++)
        assert_true(fabs(share[i] - lab->share[i]) < 1e-12);
    lab_free(lab);
}

/* The net of greatest worth is that of the best frame, its value included. */
static void the_best_frame_is_derived(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        struct lab *lab = lab_make(1260 + i);
        struct sn_budget budget = sn_budget_none;
        struct sn_derived got, one;
        struct sn_arch arch, other;
        int choice[SN_MAX_DECISIONS] = {0};
        double best = -INFINITY;
        struct sn_frame_dims dims = {0};
        budget.limit[SN_BUDGET_LATENCY] =
            lab->lowest + 0.3 * (lab->highest - lab->lowest);
        check_ok(sn_frames_derive(&arch, &lab->frames, &lab->d, lab->logit,
                                  &budget, &got, &err),
                 &err);
        for (int j = 0; j < lab->frames.count; j++) {
            const struct sn_frame *f = &lab->frames.item[j];
            if (sn_derive(&other, &f->space, &lab->d, &f->cost, lab->logit,
                          &budget, &one, NULL) != SN_OK)
                continue;
            sn_frame_choose(&lab->space, &lab->d, j, choice);
            for (int id = lab->d.frame; id < lab->d.count; id++)
                one.worth += lab->logit[lab->d.item[id].first + choice[id]];
            if (one.worth > best)
                sn_frame_dims(&dims, &lab->space, j);
            best = fmax(best, one.worth);
        }
        assert_true(fabs(got.worth - best) < 1e-9);
        other = arch;
        sn_arch_settle(&other, &dims);
        assert_true(sn_arch_equal(&other, &arch)); /* in the best one's shape */
        const struct sn_target device = small_target();
        struct sn_cost cost;
        sn_arch_cost(&cost, &arch, &device);
        assert_true(sn_budget_met(&budget, &cost));
        budget.limit[SN_BUDGET_LATENCY] = lab->lowest / 2;
        check_fails(sn_frames_derive(&arch, &lab->frames, &lab->d, lab->logit,
                                     &budget, &got, &err),
                    &err, SN_ERR_INFEASIBLE, "latency");
        lab_free(lab);
    }
}

static void tables_are_read_back(void **state)
{
    (void)state;
    struct lab *lab = lab_make(1290);
    struct sn_frames back;
    char *text = sn_frames_text(&lab->frames);
    assert_non_null(text);
    check_ok(sn_frames_open(&back, &lab->space, &err), &err);
    check_ok(sn_frames_parse(&back, text, "t.csv", &err), &err);
    for (int i = 0; i < back.count; i++)
        check_same(&back.item[i].cost, &lab->frames.item[i].cost,
                   sizeof back.item[i].cost, "costs");
    text[strlen(text) - 2] = 'x';
    check_fails(sn_frames_parse(&back, text, "t.csv", &err), &err, SN_ERR_INPUT,
                "t.csv:");
    text[0] = 'x';
    check_fails(sn_frames_parse(&back, text, "t.csv", &err), &err, SN_ERR_INPUT,
                "expected `frame,stage,block,");
    free(text);
    sn_frames_release(&back);
    lab_free(lab);
}

/* Frames are drawn as their shares say; a flip is one option further, and its
 * difference is the whole of what lies between. */
static void frames_are_drawn_and_flipped(void **state)
{
    (void)state;
    enum { DRAWS = 4000 };
    struct lab *lab = lab_make(1300);
    struct sn_path *c = calloc(1, sizeof *c);
    struct sn_path_odds *odds = calloc(1, sizeof *odds);
    int seen[SN_MAX_FRAMES] = {0}, choice[SN_MAX_DECISIONS];
    int other[SN_MAX_DECISIONS];
    struct sn_probe flip;
    double value[SN_MAX_OPTIONS];
    assert_true(c && odds);
    sn_path_init(c, &lab->space, &lab->d, &lab->frames.item[0].cost,
                 lab->lowest + 0.3 * (lab->highest - lab->lowest), 3);
    sn_path_frames(c, &lab->frames);
    memcpy(c->state.logit, lab->logit, sizeof lab->logit);
    sn_path_odds(c, 1.0, 1.0, odds);
    odds->explore = 0.0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        sn_path_draw(c, odds, i, false, choice);
        seen[sn_frame_of(&lab->space, &lab->d, choice)]++;
        assert_true(sn_path_flip(c, choice, i, &flip, other));
        assert_int_equal(abs(flip.to - flip.from), 1);
        assert_int_equal(other[flip.decision], flip.to);
        other[flip.decision] = flip.from;
        check_same(other, choice, (size_t)lab->d.count * sizeof *other,
                   "the rest");
    }
    for (int i = 0; i < lab->frames.count; i++) {
        const double p = odds->share[i];
        assert_true(fabs(seen[i] - DRAWS * p) <=
                    5.0 * sqrt(DRAWS * p * (1.0 - p)) + 1.0);
    }
    c->total_updates = 10;
    const int first = lab->d.item[flip.decision].first;
    flip.from = 0;
    flip.to = 1;
    flip.slope = -0.25; /* the loss is less with option 1 */
    sn_path_update(c, &flip, 1, odds->p, false);
    sn_path_values(c, odds->p, value);
    assert_true(fabs(value[first + 1] - value[first] - 0.25) < 1e-12);
    free(odds);
    free(c);
    lab_free(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_frames_keep_to_one_target),
        cmocka_unit_test(no_budget_no_tilt),
        cmocka_unit_test(the_best_frame_is_derived),
        cmocka_unit_test(tables_are_read_back),
        cmocka_unit_test(frames_are_drawn_and_flipped),
    };
    return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
