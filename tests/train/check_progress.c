/* The progress bar: nothing but a terminal sees it, and it fits there. */

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/progress.h"

/* What one step shows on a terminal of so many columns (0: none). */
static char *shown(int columns, double expected, bool color)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    struct sn_progress p;
    const struct sn_step_report r = {.epoch = 2,
                                     .batch = 49,
                                     .batches = 100,
                                     .step = 249,
                                     .steps = 1000,
                                     .images = 64,
                                     .epoch_loss = 1.25,
                                     .epoch_accuracy = 0.5,
                                     .lr = 0.1,
                                     .expected = expected};
    assert_non_null(out);
    sn_progress_init(&p, out);
    assert_int_equal(p.columns, 0); /* memory is no terminal */
    p.columns = columns;
    p.color = color;
    p.unicode = false;
    sn_progress_phase(&p, "search", 10, 2e-3);
    sn_progress_step(&p, &r);
    fclose(out);
    return text;
}

static void a_file_sees_nothing(void **state)
{
    (void)state;
    char *text = shown(0, 1e-3, false);
    assert_string_equal(text, "");
    free(text);
}

static void any_width_fits(void **state)
{
    (void)state;
    for (int columns = 20; columns < 300; columns++) {
        char *text = shown(columns, 3e-3, false);
        assert_int_equal(text[0], '\r');
        assert_string_equal(text + strlen(text) - 3, "\033[K");
        assert_true(strlen(text) - 4 < (size_t)columns);
        free(text);
    }
}

static void a_wide_one_shows_all(void **state)
{
    (void)state;
    static const char *const words[] = {
        "search", "3/10",       "50 %",
        "img/s",  "loss 1.250", "acc 50.0 %",
        "eta",    "lr 0.1000",  "E[LAT] 3.00 ms/2.00 ms"};
    char *text = shown(200, 3e-3, true);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_non_null(strstr(text, words[i]));
    assert_non_null(strstr(text, "\033[32m"));
    free(text);
    text = shown(200, 0, false);
    assert_null(strstr(text, "E[LAT]"));
    assert_null(strstr(text, "\033[32m"));
    free(text);
}

/* What a narrow one gives up is what is wanted least. */
static void an_ordinary_one_shows_time_and_latency(void **state)
{
    (void)state;
    char *text = shown(80, 3e-3, false);
    assert_non_null(strstr(text, "eta"));
    assert_non_null(strstr(text, "acc 50.0 %"));
    assert_non_null(strstr(text, "E[LAT] 3.00 ms/2.00 ms"));
    assert_null(strstr(text, "lr 0.1000"));
    free(text);
}

static void it_is_wiped_once(void **state)
{
    (void)state;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    struct sn_progress p;
    sn_progress_init(&p, out);
    sn_progress_clear(&p);
    fflush(out);
    assert_int_equal(bytes, 0);
    p.shown = true;
    sn_progress_clear(&p);
    sn_progress_clear(&p);
    fclose(out);
    assert_string_equal(text, "\r\033[K");
    free(text);
}

static void nobody_looks(void **state)
{
    (void)state;
    struct sn_progress p;
    double rate, seconds;
    const struct sn_step_report r = {.batches = 2, .steps = 2, .images = 8};
    sn_progress_init(&p, NULL);
    sn_progress_phase(&p, "search", 1, 0);
    sn_progress_step(&p, &r);
    sn_progress_step(&p, &r);
    assert_int_equal(p.images, 16);
    sn_progress_epoch(&p, &rate, &seconds);
    assert_true(rate > 0 && seconds >= 0);
    assert_int_equal(p.images, 0);
    sn_progress_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_sees_nothing),
        cmocka_unit_test(any_width_fits),
        cmocka_unit_test(a_wide_one_shows_all),
        cmocka_unit_test(an_ordinary_one_shows_time_and_latency),
        cmocka_unit_test(it_is_wiped_once),
        cmocka_unit_test(nobody_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
