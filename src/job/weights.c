/* Files of weights; see weights.h. */

#include "job/weights.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "job/job.h"
#include "job/tensors.h"

static const char supernet_format[] = "supernet-weights 1";
static const char subnet_format[] = "supernet-subnet 1";

/* ---- the supernet ---- */

sn_status sn_supernet_save(const struct sn_rundir *dir,
                           const struct sn_supernet *net, struct sn_error *err)
{
    char path[SN_RUN_PATH];
    struct sn_tensor_writer w = {0};
    sn_tensor_writer_init(&w);
    sn_tensor_writer_meta(&w, "format", supernet_format);
    sn_tensors_add(&w, "", &net->params, net->params.w);
    return sn_tensors_commit(&w, sn_rundir_file(dir, SN_SUPERNET_FILE, path),
                             err);
}

static sn_status check_count(const struct sn_tensor_file *f, size_t expected,
                             struct sn_error *err)
{
    if (f->count == expected)
        return SN_OK;
    return sn_fail(err, SN_ERR_INPUT, "%s: has %zu arrays, the net needs %zu",
                   f->path, f->count, expected);
}

sn_status sn_supernet_load(const struct sn_rundir *dir, struct sn_supernet *net,
                           struct sn_error *err)
{
    char path[SN_RUN_PATH];
    struct sn_tensor_file f = {0};
    SN_TRY(sn_tensors_open(&f, sn_rundir_file(dir, SN_SUPERNET_FILE, path),
                           supernet_format, err));
    sn_status rc = check_count(&f, (size_t)net->params.count, err);
    if (rc == SN_OK)
        rc = sn_tensors_take(&f, "", &net->params, net->params.w, err);
    sn_tensor_file_close(&f);
    return rc;
}

/* ---- a finished net: statistics ---- */

/* Name of a statistic: that of its batch-norm, and `.mean` or `.var`. */
static const char *stat_name(char *buf, size_t size, const struct sn_stat *st,
                             const char *what)
{
    snprintf(buf, size, "%s.%s", st->name, what);
    return buf;
}

/* The variances as evaluation takes them: squared deviations over values. */
static void variances(double *var, const struct sn_params *p)
{
    for (int is = 0; is < p->stats; is++)
        for (int ic = 0; ic < p->stat[is].c; ic++) {
            const size_t at = p->stat[is].first + (size_t)ic;
            var[at] = p->m2[at] > 0 ? p->m2[at] / p->counts[is] : 0;
        }
}

static void add_stats(struct sn_tensor_writer *w, const struct sn_params *p,
                      const double *var)
{
    char name[SN_PARAM_NAME + 8];
    for (int is = 0; is < p->stats; is++) {
        const struct sn_stat *st = &p->stat[is];
        const int64_t dims[] = {st->c};
        sn_tensor_writer_add(w, stat_name(name, sizeof name, st, "mean"),
                             SN_DTYPE_F64, 1, dims, p->mean + st->first);
        sn_tensor_writer_add(w, stat_name(name, sizeof name, st, "var"),
                             SN_DTYPE_F64, 1, dims, var + st->first);
    }
}

static sn_status take_stats(const struct sn_tensor_file *f, struct sn_params *p,
                            struct sn_error *err)
{
    char name[SN_PARAM_NAME + 8];
    for (int is = 0; is < p->stats; is++) {
        const struct sn_stat *st = &p->stat[is];
        const int64_t dims[] = {st->c};
        const void *mean, *var;
        SN_TRY(sn_tensor_file_find(f, stat_name(name, sizeof name, st, "mean"),
                                   SN_DTYPE_F64, 1, dims, &mean, err));
        SN_TRY(sn_tensor_file_find(f, stat_name(name, sizeof name, st, "var"),
                                   SN_DTYPE_F64, 1, dims, &var, err));
        memcpy(p->mean + st->first, mean, (size_t)st->c * sizeof(double));
        memcpy(p->m2 + st->first, var, (size_t)st->c * sizeof(double));
        p->counts[is] = 1; /* so that m2 / count is the variance */
    }
    return SN_OK;
}

/* ---- a finished net: metadata ---- */

static void meta_number(struct sn_tensor_writer *w, const char *key,
                        uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    sn_tensor_writer_meta(w, key, text);
}

/* Takes a text that was built; a failure shows at commit. */
static void meta_text(struct sn_tensor_writer *w, const char *key,
                      struct sn_text *t)
{
    char *text = sn_text_take(t);
    if (text)
        sn_tensor_writer_meta(w, key, text);
    else
        w->failed = true;
    free(text);
}

static void meta_channels(struct sn_tensor_writer *w, const char *key,
                          const float *value, int channels)
{
    struct sn_text t = {0};
    char real[32];
    for (int ic = 0; ic < channels; ic++)
        sn_text_add(&t, "%s%s", ic ? " " : "",
                    sn_text_real(real, sizeof real, (double)value[ic]));
    meta_text(w, key, &t);
}

/* Sides of a picture as the data set delivers it. */
static void meta_image(struct sn_tensor_writer *w, const struct sn_images *im)
{
    struct sn_text t = {0};
    sn_text_add(&t, "%dx%d", im->h, im->w);
    meta_text(w, "image", &t);
}

/* The class names, a line each. */
static void meta_classes(struct sn_tensor_writer *w,
                         const struct sn_dataset *set)
{
    struct sn_text t = {0};
    for (int i = 0; i < set->classes; i++)
        sn_text_add(&t, "%s\n", set->class_name[i]);
    meta_text(w, "classes", &t);
}

/* What the images are known by. */
static void meta_print(struct sn_tensor_writer *w, const struct sn_dataset *set)
{
    struct sn_data_print print;
    char text[SN_DATA_PRINT_TEXT];
    sn_data_print(&print, set);
    sn_tensor_writer_meta(w, "data_hash", sn_data_print_text(text, &print));
}

/* Section [data], `key = value` a line; an empty value is none. */
static void meta_data(struct sn_tensor_writer *w,
                      const struct sn_data_options *data)
{
    struct sn_text t = {0};
    for (size_t i = 0; i < sn_data_table.count; i++) {
        char value[SN_TEXT_MAX * 2];
        sn_option_print(&sn_data_table.rows[i], data, value, sizeof value);
        if (*value)
            sn_text_add(&t, "%s = %s\n", sn_data_table.rows[i].key, value);
    }
    meta_text(w, "data", &t);
}

/* Both stand in texts of one a line. */
static sn_status check_line(const char *text, const char *what,
                            struct sn_error *err)
{
    char shown[4 * SN_CLASS_NAME];
    if (sn_text_is_plain(text))
        return SN_OK;
    return sn_fail(err, SN_ERR_INPUT,
                   SN_SUBNET_FILE
                   ": cannot be written: %s %s is not UTF-8 text of one line",
                   what, sn_text_shown(shown, sizeof shown, text));
}

sn_status sn_subnet_check(const struct sn_dataset *set,
                          const struct sn_data_options *data,
                          struct sn_error *err)
{
    for (int i = 0; i < set->classes; i++)
        SN_TRY(check_line(set->class_name[i], "class", err));
    return check_line(data->path, "data path", err);
}

sn_status sn_subnet_save(const struct sn_rundir *dir, const char *name,
                         const struct sn_supernet *net,
                         const struct sn_arch *arch,
                         const struct sn_dataset *set,
                         const struct sn_data_options *data, uint64_t seed,
                         int batch, struct sn_error *err)
{
    char path[SN_RUN_PATH];
    SN_TRY(sn_subnet_check(set, data, err));
    struct sn_tensor_writer w = {0};
    double *var = calloc(net->params.stat_total + 1, sizeof *var);
    char *text = sn_arch_text(arch);
    sn_status rc;
    sn_tensor_writer_init(&w);
    if (var && text) {
        variances(var, &net->params);
        sn_tensor_writer_meta(&w, "format", subnet_format);
        sn_tensor_writer_meta(&w, "version", SN_VERSION);
        sn_tensor_writer_meta(&w, "task", "classify");
        sn_tensor_writer_meta(&w, "arch", text);
        meta_number(&w, "seed", seed);
        meta_number(&w, "batch", (uint64_t)batch);
        meta_image(&w, &set->train);
        meta_channels(&w, "mean", set->mean, set->train.c);
        meta_channels(&w, "deviation", set->deviation, set->train.c);
        meta_classes(&w, set);
        meta_data(&w, data);
        meta_print(&w, set);
        sn_tensors_add(&w, "", &net->params, net->params.w);
        add_stats(&w, &net->params, var);
    } else {
        w.failed = true;
    }
    rc = sn_tensors_commit(&w, sn_rundir_file(dir, name, path), err);
    free(var);
    free(text);
    return rc;
}

/* ---- reading a finished net ---- */

static sn_status read_number(const struct sn_tensor_file *f, const char *key,
                             uint64_t most, uint64_t *value,
                             struct sn_error *err)
{
    const struct sn_option row = {
        .key = key, .type = SN_OPT_UINT64, .min = 1, .unit = ""};
    const char *text;
    struct sn_error why;
    SN_TRY(sn_tensors_meta(f, key, &text, err));
    if (sn_option_parse(&row, value, text, NULL, &why) != SN_OK)
        return sn_fail(err, SN_ERR_INPUT, "%s: %s: %s", f->path, key, why.text);
    if (*value > most)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: %s: %" PRIu64
                       " is out of range; expected at most %" PRIu64,
                       f->path, key, *value, most);
    return SN_OK;
}

static sn_status read_channels(const struct sn_tensor_file *f, const char *key,
                               float *value, int channels, bool positive,
                               struct sn_error *err)
{
    const char *text;
    SN_TRY(sn_tensors_meta(f, key, &text, err));
    for (int ic = 0; ic < channels; ic++) {
        char *end;
        value[ic] = strtof(text, &end);
        if (end == text || !isfinite(value[ic]) ||
            (positive && !(value[ic] > 0)))
            return sn_fail(err, SN_ERR_INPUT,
                           "%s: %s: expected %d numbers%s, found '%.40s'",
                           f->path, key, channels, positive ? " above 0" : "",
                           text);
        text = end;
    }
    return SN_OK;
}

/* The sides of a picture; those of the input where the file is from before they
 * were written, or where pictures are scaled down to it. */
static sn_status read_image(struct sn_subnet *s, const struct sn_tensor_file *f,
                            struct sn_error *err)
{
    const char *text = sn_tensor_file_meta(f, "image");
    char rest;
    s->image_h = s->arch.h;
    s->image_w = s->arch.w;
    if (!text)
        return SN_OK;
    int h = 0, w = 0;
    if (sscanf(text, "%5dx%5d%c", &h, &w, &rest) != 2 || h < 1 || w < 1)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: image: expected two sides, as 32x32, found '%.40s'",
                       f->path, text);
    if (h <= s->arch.h && w <= s->arch.w) {
        s->image_h = h;
        s->image_w = w;
    }
    return SN_OK;
}

static sn_status read_classes(struct sn_subnet *s,
                              const struct sn_tensor_file *f,
                              struct sn_error *err)
{
    const char *text;
    SN_TRY(sn_tensors_meta(f, "classes", &text, err));
    s->classes = s->arch.classes;
    s->class_name = calloc((size_t)s->classes, sizeof *s->class_name);
    if (!s->class_name)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for class names");
    for (int i = 0; i < s->classes; i++) {
        const size_t n = strcspn(text, "\n");
        if (text[n] != '\n' || n == 0 || n >= SN_CLASS_NAME)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s: classes: name %d of %d is missing or too long",
                           f->path, i + 1, s->classes);
        memcpy(s->class_name[i], text, n);
        text += n + 1;
    }
    return SN_OK;
}

/* One line of them. */
static sn_status read_data_line(struct sn_subnet *s,
                                const struct sn_tensor_file *f,
                                const char *line, size_t length,
                                struct sn_error *err)
{
    char key[32], value[SN_TEXT_MAX * 2];
    const size_t n = strcspn(line, " ");
    if (n >= sizeof key || length < n + 3 || strncmp(line + n, " = ", 3) != 0 ||
        length - n - 3 >= sizeof value)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: data: expected 'key = value', found '%.40s'",
                       f->path, line);
    snprintf(key, sizeof key, "%.*s", (int)n, line);
    snprintf(value, sizeof value, "%.*s", (int)(length - n - 3), line + n + 3);
    const struct sn_option *row = sn_option_find(&sn_data_table, key);
    struct sn_error why;
    if (!row)
        return sn_fail(err, SN_ERR_INPUT, "%s: data: unknown key '%s'", f->path,
                       key);
    if (sn_option_parse(row, &s->data, value, NULL, &why) != SN_OK)
        return sn_fail(err, SN_ERR_INPUT, "%s: data: %s: %s", f->path, key,
                       why.text);
    return SN_OK;
}

/* The lines that meta_data() wrote. */
static sn_status read_data(struct sn_subnet *s, const struct sn_tensor_file *f,
                           struct sn_error *err)
{
    const char *text;
    struct sn_error why = {0}; /* faults are added to it */
    SN_TRY(sn_tensors_meta(f, "data", &text, err));
    sn_option_defaults(&sn_data_table, &s->data);
    while (*text) {
        const size_t line = strcspn(text, "\n");
        SN_TRY(read_data_line(s, f, text, line, err));
        text += line + (text[line] == '\n');
    }
    if (sn_data_options_check(&s->data, &why) != SN_OK)
        return sn_fail(err, SN_ERR_INPUT, "%s: %s", f->path, why.text);
    return SN_OK;
}

/* What the images were known by; files from before it was written lack it. */
static sn_status read_print(struct sn_subnet *s, const struct sn_tensor_file *f,
                            struct sn_error *err)
{
    const char *text = sn_tensor_file_meta(f, "data_hash");
    s->has_print = text && sn_data_print_parse(&s->print, text);
    if (!text || s->has_print)
        return SN_OK;
    return sn_fail(err, SN_ERR_INPUT,
                   "%s: data_hash: expected counts and digests, found '%.40s'",
                   f->path, text);
}

static sn_status read_meta(struct sn_subnet *s, const struct sn_tensor_file *f,
                           struct sn_error *err)
{
    const char *text;
    uint64_t batch;
    SN_TRY(sn_tensors_meta(f, "arch", &text, err));
    if (sn_arch_parse(&s->arch, text, f->path, err) != SN_OK) {
        if (err)
            err->code = SN_ERR_INPUT; /* here it is no config of the user's */
        return SN_ERR_INPUT;
    }
    if (s->arch.c > 4)
        return sn_fail(err, SN_ERR_INPUT, "%s: %d channels; expected at most 4",
                       f->path, s->arch.c);
    SN_TRY(read_number(f, "seed", UINT64_MAX, &s->seed, err));
    SN_TRY(read_number(f, "batch", 65536, &batch, err));
    if (batch == 0)
        return sn_fail(err, SN_ERR_INPUT, "%s: batch: expected at least 1",
                       f->path);
    s->batch = (int)batch;
    SN_TRY(read_image(s, f, err));
    SN_TRY(read_channels(f, "mean", s->mean, s->arch.c, false, err));
    SN_TRY(read_channels(f, "deviation", s->deviation, s->arch.c, true, err));
    SN_TRY(read_classes(s, f, err));
    SN_TRY(read_data(s, f, err));
    SN_TRY(read_print(s, f, err));
    if (s->arch.h > s->data.size || s->arch.w != s->arch.h)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: data: size is %d, the net's input %dx%d", f->path,
                       s->data.size, s->arch.h, s->arch.w);
    return SN_OK;
}

static sn_status read_net(struct sn_subnet *s, const struct sn_tensor_file *f,
                          struct sn_error *err)
{
    struct sn_space *space = malloc(sizeof *space);
    if (!space)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a net");
    sn_arch_space(space, &s->arch);
    const sn_status rc = sn_supernet_init(&s->net, space, s->seed, err);
    free(space);
    SN_TRY(rc);
    struct sn_params *p = &s->net.params;
    SN_TRY(check_count(f, (size_t)p->count + 2 * (size_t)p->stats, err));
    SN_TRY(sn_tensors_take(f, "", p, p->w, err));
    return take_stats(f, p, err);
}

sn_status sn_subnet_open(struct sn_subnet *s, const char *path,
                         struct sn_error *err)
{
    struct sn_tensor_file f = {0};
    memset(s, 0, sizeof *s);
    SN_TRY(sn_tensors_open(&f, path, subnet_format, err));
    sn_status rc = read_meta(s, &f, err);
    if (rc == SN_OK)
        rc = read_net(s, &f, err);
    if (rc != SN_OK)
        sn_subnet_release(s);
    sn_tensor_file_close(&f);
    return rc;
}

void sn_subnet_release(struct sn_subnet *s)
{
    sn_supernet_release(&s->net);
    free(s->class_name);
    s->class_name = NULL;
}
