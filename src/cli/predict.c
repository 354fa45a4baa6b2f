/* supernet predict: what a finished net says of pictures. */

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "datasets/image.h"
#include "job/job.h"
#include "job/predict.h"

enum { TOP = 5, SHOWN = 4096 }; /* classes; bytes of a line with a path */

/* What is told so far. */
struct telling {
    const struct sn_cli *cli;
    int top;
    json_t *list;            /* --json: the pictures */
    struct sn_error *faults; /* of pictures that could not be read */
    int read, refused, passed_over;
};

/* The most probable classes, at most `top` of them, best first; of equal ones
 * the lower index.  Returns how many. */
static int rank_classes(int order[SN_MAX_CLASSES],
                        const struct sn_prediction *p, int top)
{
    int n = 0;
    for (int ic = 0; ic < p->classes; ic++) {
        int at = n;
        while (at > 0 && p->probability[order[at - 1]] < p->probability[ic])
            at--;
        if (at == top)
            continue;
        n += n < top;
        memmove(order + at + 1, order + at,
                (size_t)(n - at - 1) * sizeof *order);
        order[at] = ic;
    }
    return n;
}

/* ---- forms ---- */

static void add_text(struct sn_text *t, const struct telling *s,
                     const struct sn_prediction *p)
{
    int order[SN_MAX_CLASSES];
    char shown[SHOWN];
    const int n = rank_classes(order, p, s->top);
    sn_text_add(t, "%s:", sn_text_shown(shown, sizeof shown, p->path));
    for (int rank = 0; rank < n; rank++) {
        const int ic = order[rank];
        sn_text_add(t, "%s %s %.2f %%", rank ? "," : "", p->class_name[ic],
                    100 * p->probability[ic]);
    }
    sn_text_add(t, "\n");
}

static void add_rows(struct sn_text *t, const struct telling *s,
                     const struct sn_prediction *p)
{
    char real[32];
    int order[SN_MAX_CLASSES];
    const int n = rank_classes(order, p, s->top);
    for (int rank = 0; rank < n; rank++) {
        const int ic = order[rank];
        sn_text_add_csv(t, p->path);
        sn_text_add(t, ",%d,%d,", rank + 1, ic);
        sn_text_add_csv(t, p->class_name[ic]);
        sn_text_add(t, ",%s\n",
                    sn_text_real(real, sizeof real, p->probability[ic]));
    }
}

static json_t *picture_json(const struct telling *s,
                            const struct sn_prediction *p)
{
    int order[SN_MAX_CLASSES];
    if (p->why)
        return json_pack("{s:o, s:o}", "file", sn_json_name(p->path), "error",
                         sn_json_name(p->why));
    const int n = rank_classes(order, p, s->top);
    json_t *top = json_array(), *logits = json_array();
    for (int rank = 0; rank < n; rank++) {
        const int ic = order[rank];
        json_array_append_new(top, json_pack("{s:o, s:i, s:f}", "class",
                                             sn_json_name(p->class_name[ic]),
                                             "label", ic, "probability",
                                             p->probability[ic]));
    }
    for (int ic = 0; ic < p->classes; ic++)
        json_array_append_new(logits, json_real((double)p->logits[ic]));
    return json_pack("{s:o, s:o, s:o}", "file", sn_json_name(p->path), "top",
                     top, "logits", logits);
}

/* ---- pictures as they come ---- */

static sn_status tell(void *context, const struct sn_prediction *p,
                      struct sn_error *err)
{
    struct telling *s = context;
    struct sn_text t = {0};
    if (p->why) {
        char shown[SHOWN];
        s->refused++;
        (void)sn_fail_more(s->faults, SN_ERR_INPUT, "%s",
                           sn_text_shown(shown, sizeof shown, p->why));
    } else {
        s->read++;
    }
    if (s->cli->json)
        return json_array_append_new(s->list, picture_json(s, p)) == 0
                   ? SN_OK
                   : sn_fail(err, SN_ERR_MEMORY, "no memory for the output");
    if (p->why)
        return SN_OK;
    if (s->cli->csv)
        add_rows(&t, s, p);
    else
        add_text(&t, s, p);
    return sn_cli_print_text(&t, err);
}

static sn_status finish(struct telling *s, struct sn_error *err)
{
    if (s->cli->json) {
        json_t *o =
            json_pack("{s:o, s:O, s:i}", "net", sn_json_name(s->cli->operand),
                      "pictures", s->list, "passed_over", s->passed_over);
        char *text =
            o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
        json_decref(o);
        SN_TRY(sn_cli_print_owned(text, err));
    }
    if (!s->refused)
        return SN_OK;
    return sn_fail(err, SN_ERR_INPUT, "%d of %d pictures were not read:\n%s",
                   s->refused, s->refused + s->read, s->faults->text);
}

static sn_status run(struct telling *s, const struct sn_pictures *pictures,
                     struct sn_error *err)
{
    const struct sn_run_options none = {0};
    const struct sn_predict_request request = {
        .from = s->cli->operand,
        .pictures = pictures,
        .isa = s->cli->isa,
        .threads = sn_job_threads(s->cli->threads, &none)};
    omp_set_num_threads(request.threads);
    s->passed_over = pictures->foreign;
    s->list = json_array();
    s->faults = calloc(1, sizeof *s->faults);
    if (!s->list || !s->faults)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the output");
    if (s->cli->csv)
        SN_TRY(sn_cli_print("file,rank,label,class,probability\n", err));
    if (pictures->foreign && !s->cli->quiet)
        fprintf(stderr,
                "note: %d picture%s of a kind that is not read passed over\n",
                pictures->foreign, pictures->foreign == 1 ? "" : "s");
    SN_TRY(sn_predict(&request, tell, s, err));
    return finish(s, err);
}

sn_status sn_cli_predict(const struct sn_cli *a, struct sn_error *err)
{
    struct sn_pictures pictures = {0};
    struct telling s = {.cli = a, .top = a->top ? a->top : TOP};
    sn_status rc = SN_OK;
    if (sn_is_picture_name(a->operand))
        return sn_fail(err, SN_ERR_CONFIG,
                       "predict: '%s' is a picture; expected a run or a net "
                       "before the pictures",
                       a->operand);
    if (a->n_more == 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "predict: expected pictures or folders behind '%s'",
                       a->operand);
    if (a->json && a->csv)
        return sn_fail(err, SN_ERR_CONFIG,
                       "predict: --csv cannot stand beside --json");
    for (int i = 0; rc == SN_OK && i < a->n_more; i++)
        rc = sn_pictures_add(&pictures, a->more[i], err);
    if (rc == SN_OK)
        rc = run(&s, &pictures, err);
    json_decref(s.list);
    free(s.faults);
    sn_pictures_release(&pictures);
    return rc;
}
