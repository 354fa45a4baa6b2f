/* supernet target plot: what channels cost on a device. */

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "job/target_file.h"
#include "report/svg.h"
#include "target/landscape.h"

/* A 3x3 convolution in the middle of a net. */
enum { SIDE = 28, CIN = 64, MOST = 160 };

struct plot {
    struct sn_target target;
    struct sn_landscape land;
    char path[SN_TEXT_MAX + 8]; /* of the picture */
};

/* ---- the picture ---- */

static void widths(double *x, const struct sn_sweep *s)
{
    for (int i = 0; i < s->n; i++)
        x[i] = s->channels[i];
}

static void microseconds(double *y, const double *seconds, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = 1e6 * seconds[i];
}

static char *draw(const struct plot *p)
{
    const struct sn_sweep *raw = &p->land.raw, *curated = &p->land.curated;
    double x[2][SN_LANDSCAPE_MAX], y[4][SN_LANDSCAPE_MAX];
    char title[2][SN_TEXT_MAX + 96];
    widths(x[0], raw);
    widths(x[1], curated);
    microseconds(y[0], raw->seconds, raw->n);
    microseconds(y[1], curated->seconds, curated->n);
    microseconds(y[2], raw->each, raw->n);
    microseconds(y[3], curated->each, curated->n);
    snprintf(title[0], sizeof title[0], "%s: a 3x3 convolution of %dx%dx%d",
             sn_target_name(&p->target), SIDE, SIDE, CIN);
    snprintf(title[1], sizeof title[1],
             "the same per channel: %d local minima, curated %d",
             raw->each_minima, curated->each_minima);
    const struct sn_series series[] = {
        {"every width", SN_SERIES_LINE, x[0], y[0], raw->n},
        {"curated", SN_SERIES_DOTS, x[1], y[1], curated->n},
        {"every width", SN_SERIES_LINE, x[0], y[2], raw->n},
        {"curated", SN_SERIES_DOTS, x[1], y[3], curated->n}};
    const struct sn_chart charts[] = {
        {title[0], "output channels", "latency, us", false, false, series, 2},
        {title[1], "output channels", "latency of a channel, us", false, true,
         series + 2, 2}};
    return sn_svg_charts(charts, 2);
}

/* -o, or the device's name with what a path is made of replaced. */
static void name_file(struct plot *p, const struct sn_cli *a)
{
    if (a->dir) {
        snprintf(p->path, sizeof p->path, "%s", a->dir);
        return;
    }
    snprintf(p->path, sizeof p->path, "%s.svg", sn_target_name(&p->target));
    for (char *c = p->path; *c; c++)
        *c = *c == '/' ? '-' : *c;
}

/* ---- what is told ---- */

static json_t *sweep_json(const struct sn_sweep *s)
{
    json_t *channels = json_array(), *times = json_array();
    for (int i = 0; i < s->n; i++) {
        json_array_append_new(channels, json_integer(s->channels[i]));
        json_array_append_new(times, json_real(1e6 * s->seconds[i]));
    }
    return json_pack("{s:o, s:o, s:i, s:i}", "channels", channels, "latency_us",
                     times, "minima", s->minima, "minima_per_channel",
                     s->each_minima);
}

static char *plot_json(const struct plot *p)
{
    json_t *o = json_pack("{s:s, s:i, s:s, s:o, s:o}", "target",
                          sn_target_name(&p->target), "p", p->land.lanes,
                          "file", p->path, "raw", sweep_json(&p->land.raw),
                          "curated", sweep_json(&p->land.curated));
    char *text =
        o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(o);
    return text;
}

static void add_sweep(struct sn_text *t, const char *name,
                      const struct sn_sweep *s)
{
    sn_text_add(t,
                "%-8s %d widths, local minima: %d of latency, %d of latency "
                "per channel\n",
                name, s->n, s->minima, s->each_minima);
}

static sn_status print(const struct plot *p, const struct sn_cli *a,
                       struct sn_error *err)
{
    struct sn_text t = {0};
    char from[SN_QUANTITY_TEXT], to[SN_QUANTITY_TEXT];
    const struct sn_sweep *raw = &p->land.raw;
    if (a->json)
        return sn_cli_print_owned(plot_json(p), err);
    sn_text_add(&t, "%-8s %s, P = %d\n", "target", sn_target_name(&p->target),
                p->land.lanes);
    sn_text_add(&t,
                "%-8s 3x3 convolution, %dx%dx%d to 1..%d channels: %s to "
                "%s\n",
                "sweep", SIDE, SIDE, CIN, MOST,
                sn_text_time(from, sizeof from, raw->seconds[0]),
                sn_text_time(to, sizeof to, raw->seconds[raw->n - 1]));
    add_sweep(&t, "raw", raw);
    add_sweep(&t, "curated", &p->land.curated);
    sn_text_add(&t, "%-8s %s\n", "file", p->path);
    return sn_cli_print_text(&t, err);
}

static sn_status plot(struct plot *p, const struct sn_cli *a,
                      struct sn_error *err)
{
    const struct sn_operator op = {.kind = SN_OPERATOR_CONV,
                                   .cin = CIN,
                                   .h = SIDE,
                                   .w = SIDE,
                                   .k = 3,
                                   .stride = 1};
    SN_TRY(sn_target_read(&p->target, a->operand, err));
    sn_landscape_make(&p->land, &p->target, &op, MOST);
    if (isnan(p->land.raw.seconds[0]))
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: nothing was measured of conv, whose channels are "
                       "to be swept",
                       a->operand);
    name_file(p, a);
    char *text = draw(p);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a picture");
    const sn_status rc = sn_file_write(p->path, text, strlen(text), err);
    free(text);
    return rc == SN_OK ? print(p, a, err) : rc;
}

sn_status sn_cli_target_plot(const struct sn_cli *a, struct sn_error *err)
{
    struct plot *p = calloc(1, sizeof *p);
    if (!p)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a plot");
    const sn_status rc = plot(p, a, err);
    sn_target_release(&p->target);
    free(p);
    return rc;
}
