/* supernet fit: from measurements of a device to its estimator. */

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/option.h"
#include "cli/cli.h"
#include "job/fit_device.h"
#include "job/rundir.h"
#include "report/svg.h"

static json_t *nets_json(const struct sn_fit_nets *n)
{
    const struct sn_score *s = &n->score[n->kind];
    json_t *forms = json_object();
    for (int k = 0; k < SN_NETS_KINDS; k++)
        if (n->tried[k])
            json_object_set_new(forms, sn_nets_kind_name((sn_nets_kind)k),
                                json_real(n->score[k].mape));
    return json_pack("{s:i, s:i, s:s, s:f, s:f, s:f, s:f, s:f, s:o}", "nets",
                     n->nets, "units", n->units, "form",
                     sn_nets_kind_name(n->kind), "mape", s->mape, "within_10",
                     s->within, "worst", s->worst, "spearman", s->spearman,
                     "kendall", s->kendall, "mape_of", forms);
}

static char *report_json(const struct sn_fit_result *r, const char *output)
{
    json_t *classes = json_array();
    for (int i = 0; i < r->report.classes; i++) {
        const struct sn_fit_class *c = &r->report.item[i];
        json_t *families = json_object();
        for (int f = 0; f < SN_FAMILIES; f++)
            if (c->tried[f] && c->rows > 1)
                json_object_set_new(families, sn_family_name((sn_family)f),
                                    json_real(c->score[f].mape));
        const struct sn_score *s = &c->score[c->family];
        json_array_append_new(
            classes,
            json_pack("{s:s, s:i, s:s, s:f, s:f, s:f, s:f, s:o}", "op",
                      sn_unit_op_name(c->op), "rows", c->rows, "family",
                      sn_family_name(c->family), "mape", s->mape, "within_10",
                      s->within, "worst", s->worst, "spearman", s->spearman,
                      "mape_of", families));
    }
    json_t *o = json_pack(
        "{s:o, s:o, s:o, s:o, s:o}", "device",
        sn_json_name(sn_estimator_device(r->estimator)), "dtype",
        sn_json_name(sn_estimator_dtype(r->estimator)), "file",
        output ? sn_json_name(output) : json_null(), "classes", classes, "nets",
        r->nets.nets ? nets_json(&r->nets) : json_null());
    char *text =
        o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(o);
    return text;
}

static void add_class(struct sn_text *t, const struct sn_fit_class *c)
{
    const struct sn_score *s = &c->score[c->family];
    sn_text_add(t, "%-10s %6d  %-9s", sn_unit_op_name(c->op), c->rows,
                sn_family_name(c->family));
    if (c->rows < 2) {
        sn_text_add(t, "  one row: nothing to compare with\n");
        return;
    }
    sn_text_add(t, " %7.2f %% %7.1f %% %8.1f %% %9.4f  ", 100 * s->mape,
                100 * s->within, 100 * s->worst, s->spearman);
    for (int f = 0; f < SN_FAMILIES; f++)
        if (c->tried[f])
            sn_text_add(t, " %s %.2f %%", sn_family_name((sn_family)f),
                        100 * c->score[f].mape);
    sn_text_add(t, "\n");
}

static void add_nets(struct sn_text *t, const struct sn_fit_nets *n)
{
    const struct sn_score *s = &n->score[n->kind];
    sn_text_add(t, "%-10s %6d  %-9s", "nets", n->nets,
                sn_nets_kind_name(n->kind));
    if (n->nets < 2) {
        sn_text_add(t, "  one net: nothing to compare with\n");
        return;
    }
    sn_text_add(t, " %7.2f %% %7.1f %% %8.1f %% %9.4f  ", 100 * s->mape,
                100 * s->within, 100 * s->worst, s->spearman);
    for (int k = 0; k < SN_NETS_KINDS; k++)
        if (n->tried[k])
            sn_text_add(t, " %s %.2f %%", sn_nets_kind_name((sn_nets_kind)k),
                        100 * n->score[k].mape);
    sn_text_add(t, ", Kendall %.4f\n", s->kendall);
}

/* ---- the picture ---- */

enum { CHARTS = SN_UNIT_OPS + 1, TITLE = 96 };

/* Dots of held-out rows, and where they should lie. */
static struct sn_chart chart_of(char title[TITLE], struct sn_series series[2],
                                double ends[2], const char *what,
                                const struct sn_score *s,
                                const double *measured, const double *predicted,
                                int n)
{
    ends[0] = ends[1] = measured[0];
    for (int i = 1; i < n; i++) {
        ends[0] = fmin(ends[0], measured[i]);
        ends[1] = fmax(ends[1], measured[i]);
    }
    snprintf(title, TITLE, "%s: %d held out, MAPE %.2f %%", what, n,
             100 * s->mape);
    series[0] = (struct sn_series){"equal", SN_SERIES_LINE, ends, ends, 2};
    series[1] =
        (struct sn_series){"predicted", SN_SERIES_DOTS, measured, predicted, n};
    return (struct sn_chart){
        title, "measured, us", "predicted, us", true, true, series, 2};
}

/* A chart for every class, and one for nets; NULL when memory is short. */
static char *draw(const struct sn_fit_result *r)
{
    struct sn_series series[CHARTS][2];
    struct sn_chart chart[CHARTS];
    char title[CHARTS][TITLE];
    double ends[CHARTS][2];
    int n = 0;
    for (int i = 0; i < r->report.classes; i++) {
        const struct sn_fit_class *c = &r->report.item[i];
        if (c->rows < 2)
            continue;
        chart[n] =
            chart_of(title[n], series[n], ends[n], sn_unit_op_name(c->op),
                     &c->score[c->family], c->measured, c->predicted, c->rows);
        n++;
    }
    if (r->nets.nets > 1) {
        chart[n] = chart_of(title[n], series[n], ends[n], "nets",
                            &r->nets.score[r->nets.kind], r->nets.measured,
                            r->nets.predicted, r->nets.nets);
        n++;
    }
    return sn_svg_charts(chart, n);
}

/* FILE.est gets a FILE.svg beside it. */
static sn_status write_picture(const struct sn_fit_result *r, const char *est,
                               char *path, size_t size, struct sn_error *err)
{
    const size_t n = strlen(est);
    const bool cut = n > 4 && strcmp(est + n - 4, ".est") == 0;
    if (snprintf(path, size, "%.*s.svg", (int)(cut ? n - 4 : n), est) >=
        (int)size)
        return sn_fail(err, SN_ERR_OUTPUT, "%s: the path is too long", est);
    char *text = draw(r);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a picture");
    const sn_status rc = sn_file_write(path, text, strlen(text), err);
    free(text);
    return rc;
}

static sn_status print(const struct sn_cli *a, const struct sn_fit_result *r,
                       struct sn_error *err)
{
    struct sn_text t = {0};
    char picture[SN_RUN_PATH] = "";
    if (a->dir)
        SN_TRY(write_picture(r, a->dir, picture, sizeof picture, err));
    if (a->json)
        return sn_cli_print_owned(report_json(r, a->dir), err);
    for (size_t at = 0; r->notes[at];) {
        const size_t n = strcspn(r->notes + at, "\n");
        sn_text_add(&t, "note     %.*s\n", (int)n, r->notes + at);
        at += n + (r->notes[at + n] == '\n');
    }
    sn_text_add(&t, "device   %s%s%s\n", sn_estimator_device(r->estimator),
                *sn_estimator_dtype(r->estimator) ? ", " : "",
                sn_estimator_dtype(r->estimator));
    sn_text_add(&t, "%-10s %6s  %-9s %9s %9s %10s %9s   %s\n", "class", "rows",
                "family", "MAPE", "within 10", "worst", "Spearman",
                "MAPE of each, on rows it had not seen");
    for (int i = 0; i < r->report.classes; i++)
        add_class(&t, &r->report.item[i]);
    if (r->nets.nets)
        add_nets(&t, &r->nets);
    if (a->dir)
        sn_text_add(&t, "file     %s, %s\n", a->dir, picture);
    return sn_cli_print_text(&t, err);
}

sn_status sn_cli_fit(const struct sn_cli *a, struct sn_error *err)
{
    struct sn_fit_result r;
    if (!a->operand && !a->nets)
        return sn_fail(err, SN_ERR_CONFIG,
                       "fit: expected OPS.csv, or --nets NETS.csv");
    const char **path = malloc(((size_t)a->n_more + 1) * sizeof *path);
    if (!path)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for names of files");
    path[0] = a->operand;
    for (int i = 0; i < a->n_more; i++)
        path[i + 1] = a->more[i];
    const struct sn_fit_request q = {.path = path,
                                     .n_path = a->operand ? a->n_more + 1 : 0,
                                     .want = {.device = a->device,
                                              .dtype = a->dtype,
                                              .batch = a->batch,
                                              .resident = a->resident,
                                              .defaults = a->defaults,
                                              .n_defaults = a->n_defaults},
                                     .nets = a->nets,
                                     .column = a->column,
                                     .output = a->dir,
                                     .seed = 1};
    if (a->threads)
        omp_set_num_threads(a->threads);
    sn_status rc = sn_fit_device(&r, &q, err);
    free(path);
    if (rc != SN_OK)
        return rc;
    rc = print(a, &r, err);
    sn_fit_result_release(&r);
    return rc;
}
