/* From operator CSVs to an estimator (fit_device.h). */

#include "job/fit_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/text.h"
#include "target/net_csv.h"

enum { FILES_MAX = 64, FOLDS = 5, CSV_MAX = 1 << 30 };

struct fitting {
    const struct sn_fit_request *request;
    struct sn_unit_table table[FILES_MAX];
    int tables;
    const struct sn_unit **unit; /* owned, [n] */
    double *us;                  /* owned, [n] */
    struct sn_net_table nets;
    int n;
    struct sn_error *err;
};

/* ---- one device, one data type ---- */

typedef const char *word_fn(const struct sn_unit_table *t, size_t i);

static const char *device_of(const struct sn_unit_table *t, size_t i)
{
    return t->device[t->row[i].device];
}

static const char *dtype_of(const struct sn_unit_table *t, size_t i)
{
    return t->dtype[t->row[i].dtype];
}

/* The one word that all rows share.  SN_ERR_CONFIG lists them when there are
 * several. */
static sn_status only_word(const struct fitting *f, word_fn *word,
                           const char *what, const char **found)
{
    enum { SHOWN = 16 };
    const char *seen[SHOWN] = {""};
    int n = 0;
    for (int it = 0; it < f->tables; it++)
        for (size_t i = 0; i < f->table[it].n; i++) {
            const char *one = word(&f->table[it], i);
            int at = 0;
            while (at < n && strcmp(seen[at], one) != 0)
                at++;
            if (at == n && n < SHOWN)
                seen[n++] = one;
        }
    *found = seen[0];
    if (n == 1)
        return SN_OK;
    struct sn_text t = {0};
    for (int i = 0; i < n; i++)
        sn_text_add(&t, "%s'%s'", i ? ", " : "", seen[i]);
    char *list = sn_text_take(&t);
    const sn_status rc = sn_fail(
        f->err, SN_ERR_CONFIG,
        "%s: found rows of several %ss, expected one: pick it with --%s, in a "
        "config with [target] %s (%s)",
        f->request->path[0], what, what, what, list ? list : "...");
    free(list);
    return rc;
}

/* ---- reading ---- */

static sn_status read_tables(struct fitting *f)
{
    const struct sn_fit_request *q = f->request;
    if (q->n_path > FILES_MAX)
        return sn_fail(f->err, SN_ERR_CONFIG,
                       "fit: found %d files, expected at most %d", q->n_path,
                       FILES_MAX);
    struct sn_unit_want want = q->want;
    want.resident = want.resident || q->nets; /* inside of nets they are */
    for (; f->tables < q->n_path; f->tables++)
        SN_TRY(sn_unit_table_read(&f->table[f->tables], q->path[f->tables],
                                  &want, f->err));
    return SN_OK;
}

static sn_status join_rows(struct fitting *f)
{
    enum { ROWS_MAX = 1 << 26 };
    size_t n = 0;
    for (int it = 0; it < f->tables; it++)
        n += f->table[it].n;
    if (n > ROWS_MAX)
        return sn_fail(f->err, SN_ERR_INPUT,
                       "fit: found %zu rows, expected at most %d", n, ROWS_MAX);
    f->unit = malloc((n + 1) * sizeof(void *));
    f->us = malloc((n + 1) * sizeof *f->us);
    if (!f->unit || !f->us)
        return sn_fail(f->err, SN_ERR_MEMORY, "no memory for %zu rows", n);
    for (int it = 0; it < f->tables; it++)
        for (size_t i = 0; i < f->table[it].n; i++) {
            f->unit[f->n] = &f->table[it].row[i].unit;
            f->us[f->n++] = f->table[it].row[i].us;
        }
    return SN_OK;
}

static sn_status join_notes(const struct fitting *f, char **notes)
{
    struct sn_text t = {0};
    sn_text_add(&t, "%s", "");
    for (int it = 0; it < f->tables; it++)
        for (const char *line = f->table[it].notes, *end; *line; line = end) {
            end = strchr(line, '\n') + 1;
            sn_text_add(&t, "%s: %.*s", f->request->path[it], (int)(end - line),
                        line);
        }
    *notes = sn_text_take(&t);
    return *notes ? SN_OK
                  : sn_fail(f->err, SN_ERR_MEMORY, "no memory for notes");
}

/* The kernels that every file was measured with; "" where they differ, or it is
 * another program's. */
static sn_status read_kernels(const struct fitting *f,
                              char kernels[SN_DEVICE_TEXT])
{
    kernels[0] = '\0';
    for (int it = 0; it < f->tables; it++) {
        struct sn_csv csv = {0};
        SN_TRY(sn_csv_open(&csv, f->request->path[it], CSV_MAX, f->err));
        const char *fact = sn_csv_fact(&csv, "kernels");
        const bool same = fact && strlen(fact) < SN_DEVICE_TEXT &&
                          sn_text_is_plain(fact) &&
                          (it == 0 || strcmp(kernels, fact) == 0);
        snprintf(kernels, SN_DEVICE_TEXT, "%s", same ? fact : "");
        sn_csv_close(&csv);
        if (!same)
            break;
    }
    return SN_OK;
}

/* ---- the whole ---- */

static sn_status fit_nets(struct fitting *f, struct sn_fit_result *r)
{
    const struct sn_sums nets = sn_net_table_sums(&f->nets);
    if (!f->request->nets)
        return SN_OK;
    return sn_estimator_fit_nets(r->estimator, &r->nets, &nets, FOLDS,
                                 f->request->seed, f->err);
}

static sn_status fit(struct fitting *f, struct sn_fit_result *r)
{
    const struct sn_fit_request *q = f->request;
    struct sn_fit_options o = {.seed = q->seed,
                               .folds = FOLDS,
                               .device = q->want.device ? q->want.device : "",
                               .dtype = q->want.dtype ? q->want.dtype : ""};
    char kernels[SN_DEVICE_TEXT];
    SN_TRY(read_tables(f));
    SN_TRY(read_kernels(f, kernels));
    o.kernels = kernels;
    if (q->nets)
        SN_TRY(sn_net_table_read(&f->nets, q->nets, q->column, q->want.device,
                                 f->err));
    if (f->tables) {
        SN_TRY(only_word(f, device_of, "device", &o.device));
        SN_TRY(only_word(f, dtype_of, "dtype", &o.dtype));
    } else if (!*o.device) {
        o.device = f->nets.device;
    }
    SN_TRY(join_rows(f));
    SN_TRY(join_notes(f, &r->notes));
    const struct sn_fit_rows rows = {.unit = f->unit, .us = f->us, .n = f->n};
    SN_TRY(sn_estimator_fit(&r->estimator, &r->report, &rows, &o, f->err));
    SN_TRY(fit_nets(f, r));
    if (!q->output)
        return SN_OK;
    return sn_estimator_save(r->estimator, q->output, f->err);
}

sn_status sn_fit_device(struct sn_fit_result *result,
                        const struct sn_fit_request *request,
                        struct sn_error *err)
{
    struct sn_fit_result found = {0};
    struct fitting *f = calloc(1, sizeof *f);
    if (!f)
        return sn_fail(err, SN_ERR_MEMORY, "no memory to fit");
    f->request = request;
    f->err = err;
    const sn_status rc = fit(f, &found);
    for (int it = 0; it < f->tables; it++)
        sn_unit_table_release(&f->table[it]);
    sn_net_table_release(&f->nets);
    free(f->unit);
    free(f->us);
    free(f);
    if (rc == SN_OK)
        *result = found;
    else
        sn_fit_result_release(&found);
    return rc;
}

void sn_fit_result_release(struct sn_fit_result *result)
{
    sn_estimator_destroy(result->estimator);
    sn_fit_report_release(&result->report);
    sn_fit_nets_release(&result->nets);
    free(result->notes);
    *result = (struct sn_fit_result){0};
}
