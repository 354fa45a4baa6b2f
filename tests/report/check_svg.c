/* Charts: where points lie, what is left out, how texts are written. */

#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static int count(const char *text, const char *word)
{
    int n = 0;
    for (; (text = strstr(text, word)); text += strlen(word))
        n++;
    return n;
}

/* Places of the dots of a picture, in order. */
static int dots(const char *svg, double (*at)[2], int most)
{
    int n = 0;
    for (const char *p = svg; n < most && (p = strstr(p, "<circle")); p++, n++)
        assert_int_equal(
            sscanf(p, "<circle cx=\"%lf\" cy=\"%lf\"", &at[n][0], &at[n][1]),
            2);
    return n;
}

static void points_lie_where_their_axes_say(void **state)
{
    (void)state;
    const double x[] = {1, 10, 100, 1000}, y[] = {0, 1, 2, 3};
    const struct sn_series s = {"s", SN_SERIES_DOTS, x, y, 4};
    const struct sn_chart c[] = {{"log", "x", "y", true, false, &s, 1},
                                 {"linear", "x", "y", false, false, &s, 1}};
    char *svg = sn_svg_charts(c, 2);
    double at[16][2];
    assert_non_null(svg);
    assert_int_equal(dots(svg, at, 16), 8);
    const double step = at[1][0] - at[0][0];
    assert_true(step > 50);
    assert_true(fabs(at[2][0] - at[1][0] - step) < 0.11);
    assert_true(fabs(at[3][0] - at[2][0] - step) < 0.11);
    for (int i = 1; i < 4; i++) /* upwards */
        assert_true(at[i][1] < at[i - 1][1] - 10);
    assert_true(fabs((at[7][0] - at[4][0]) / (at[5][0] - at[4][0]) - 111) < 2);
    assert_int_equal(count(svg, "<g "), 2);
    assert_int_equal(count(svg, "</g>"), 2);
    free(svg);
}

static void what_has_no_place_is_left_out(void **state)
{
    (void)state;
    const double x[] = {-1, 0, 1, 2, 3, 4}, y[] = {1, 1, NAN, INFINITY, 2, 3};
    const struct sn_series s[] = {{"d", SN_SERIES_DOTS, x, y, 6},
                                  {"l", SN_SERIES_LINE, x, y, 6}};
    const struct sn_chart c[] = {{"", "", "", true, false, s, 2},
                                 {"", "", "", false, false, s, 2}};
    char *svg = sn_svg_charts(c, 2);
    double at[16][2];
    assert_non_null(svg);
    assert_int_equal(dots(svg, at, 16), 2 + 4);
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
    free(svg);
}

static void charts_of_little_are_charts(void **state)
{
    (void)state;
    const double one = 5, none = 0;
    const struct sn_series point = {"p", SN_SERIES_DOTS, &one, &one, 1};
    const struct sn_series empty = {"e", SN_SERIES_LINE, &none, &none, 0};
    const struct sn_chart c[] = {{"", "", "", false, true, &point, 1},
                                 {"", "", "", true, false, &empty, 1},
                                 {"", "", "", false, false, NULL, 0}};
    char *svg = sn_svg_charts(c, 3);
    assert_non_null(svg);
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
    assert_int_equal(count(svg, "<circle"), 1);
    free(svg);
}

static void texts_are_text(void **state)
{
    (void)state;
    const double v = 1;
    const struct sn_series s = {"a<b & \"c\">d", SN_SERIES_DOTS, &v, &v, 1};
    const struct sn_chart c = {"<script>", "x", "y", false, false, &s, 1};
    char *svg = sn_svg_charts(&c, 1);
    assert_non_null(strstr(svg, "a&lt;b &amp; &quot;c&quot;&gt;d"));
    assert_null(strstr(svg, "<script>"));
    free(svg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_lie_where_their_axes_say),
        cmocka_unit_test(what_has_no_place_is_left_out),
        cmocka_unit_test(charts_of_little_are_charts),
        cmocka_unit_test(texts_are_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
