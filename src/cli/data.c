/* supernet data check | mosaic | write: the images, before anything learns from
 * them.
 *
 * Each takes a config, or, for images of one's own without one, a folder of
 * class folders or a CSV list; `--set scenes` names any other set. */

#include "cli/data.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/cli.h"
#include "datasets/image.h"
#include "datasets/write.h"
#include "job/job.h"
#include "job/options.h"

/* ---- what it is about ---- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

static bool is_list_name(const char *path)
{
    return ends_with(path, ".csv") || ends_with(path, ".tsv") ||
           ends_with(path, ".txt");
}

/* What is not there is taken for one as well, unless it is named as a config:
 * the reader of folders tells best what there is instead. */
static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? S_ISDIR(st.st_mode)
                                : !ends_with(path, ".ini");
}

/* `data.key=value`, `run.seed=N`, or the name of a set alone. */
static sn_status take_override(struct sn_cli_data *d, const char *text,
                               struct sn_error *err)
{
    const char *equals = strchr(text, '=');
    const struct sn_option *row = NULL;
    struct sn_error why;
    char key[64] = "set";
    void *base = &d->data;
    if (equals && strncmp(text, "data.", 5) == 0)
        snprintf(key, sizeof key, "%.*s", (int)(equals - text) - 5, text + 5);
    if (equals && strncmp(text, "run.seed=", 9) == 0) {
        row = sn_option_find(&sn_run_table, "seed");
        base = &d->run;
    } else if (!equals || strncmp(text, "data.", 5) == 0) {
        row = sn_option_find(&sn_data_table, key);
    }
    if (!row)
        return sn_fail(err, SN_ERR_CONFIG,
                       "-s %s: expected data.KEY=VALUE; `supernet config data` "
                       "lists the keys",
                       text);
    if (sn_option_parse(row, base, equals ? equals + 1 : text, "", &why) ==
        SN_OK)
        return SN_OK;
    return sn_fail(err, SN_ERR_CONFIG, "-s %s: %s", text, why.text);
}

/* The overrides of a config; the name of a set alone is one of data.set. */
static sn_status read_config(struct sn_cli_data *d, const struct sn_cli *a,
                             struct sn_error *err)
{
    static char set[SN_TEXT_MAX];
    struct sn_config_override over[SN_CLI_MAX_OVER];
    struct sn_job_config *c = calloc(1, sizeof *c);
    if (!c)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a config");
    for (int i = 0; i < a->n_over; i++) {
        over[i] = a->over[i];
        if (strchr(over[i].text, '='))
            continue;
        snprintf(set, sizeof set, "data.set=%.200s", over[i].text);
        over[i].text = set;
    }
    const sn_status rc =
        sn_job_config_read(c, a->operand, over, a->n_over, err);
    if (rc == SN_OK) {
        d->data = c->data;
        d->run = c->run;
        sn_job_config_release(c);
    }
    free(c);
    return rc;
}

sn_status sn_cli_data_options(struct sn_cli_data *d, const struct sn_cli *a,
                              struct sn_error *err)
{
    const char *path = a->operand;
    sn_option_defaults(&sn_data_table, &d->data);
    sn_option_defaults(&sn_run_table, &d->run);
    const bool list = path && is_list_name(path);
    const bool folder = path && !list && is_folder(path);
    if (path && !folder && !list && sn_is_picture_name(path))
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s: is a picture; expected a folder of class folders, "
                       "a CSV list or a config",
                       path);
    if (path && !folder && !list) {
        SN_TRY(read_config(d, a, err));
    } else {
        if (path && strlen(path) >= sizeof d->data.path)
            return sn_fail(err, SN_ERR_CONFIG, "%.60s...: the path is too long",
                           path);
        if (path) {
            d->data.set = list ? SN_DATA_LIST : SN_DATA_FOLDER;
            snprintf(d->data.path, sizeof d->data.path, "%s", path);
        }
        for (int i = 0; i < a->n_over; i++)
            SN_TRY(take_override(d, a->over[i].text, err));
    }
    if (err)
        err->text[0] = '\0';
    SN_TRY(sn_data_options_check(&d->data, err));
    omp_set_num_threads(sn_job_threads(a->threads, &d->run));
    return SN_OK;
}

/* ---- write ---- */

static sn_status read_format(enum sn_image_format *format, const char *word,
                             struct sn_error *err)
{
    *format = SN_IMAGE_JPEG;
    if (!word || strcmp(word, "jpg") == 0)
        return SN_OK;
    *format = SN_IMAGE_PNG;
    if (strcmp(word, "png") == 0)
        return SN_OK;
    return sn_fail(err, SN_ERR_CONFIG,
                   "--format: '%s' is not known; expected jpg or png", word);
}

sn_status sn_cli_data_write(const struct sn_cli *a, struct sn_error *err)
{
    struct sn_cli_data d;
    enum sn_image_format format;
    struct sn_text t = {0};
    if (!a->dir)
        return sn_fail(err, SN_ERR_CONFIG,
                       "data write: expected -o DIR, the folder to write");
    SN_TRY(read_format(&format, a->format, err));
    SN_TRY(sn_cli_data_options(&d, a, err));
    struct sn_dataset *set = calloc(1, sizeof *set);
    if (!set)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a data set");
    sn_status rc = sn_dataset_open(set, &d.data, d.run.seed, err);
    if (rc == SN_OK)
        rc = sn_dataset_write(set, a->dir, format, err);
    if (rc == SN_OK) {
        sn_text_add(&t,
                    "%-8s %s: %d classes, %d training images, %d for testing\n"
                    "%-8s %s\n",
                    "data", set->name, set->classes, set->train.n, set->test.n,
                    "files", a->dir);
        rc = sn_cli_print_text(&t, err);
    }
    sn_dataset_release(set);
    free(set);
    return rc;
}
