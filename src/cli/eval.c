/* supernet eval: the accuracy of a finished net. */

#include <jansson.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "job/evaluate_file.h"
#include "job/job.h"

static sn_status read_split(sn_split_name *split, const char *word,
                            struct sn_error *err)
{
    *split = SN_SPLIT_TEST;
    if (!word || strcmp(word, "test") == 0)
        return SN_OK;
    *split = SN_SPLIT_VAL;
    if (strcmp(word, "val") == 0)
        return SN_OK;
    return sn_fail(err, SN_ERR_CONFIG,
                   "--split: '%s' is not known; expected test or val", word);
}

static char *eval_json(const struct sn_file_eval *e, const char *split)
{
    char *arch = sn_arch_text(&e->arch);
    json_t *o = json_pack("{s:s, s:s, s:f, s:f, s:s, s:s, s:i, s:i, s:s, s:s?}",
                          "task", "classify", "metric", "accuracy", "value",
                          e->eval.accuracy, "loss", e->eval.loss, "set", e->set,
                          "split", split, "images", e->eval.images, "correct",
                          e->eval.correct, "file", e->path, "arch", arch);
    char *text =
        o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(o);
    free(arch);
    return text;
}

sn_status sn_cli_eval(const struct sn_cli *a, struct sn_error *err)
{
    const struct sn_run_options run = {0};
    const int threads = sn_job_threads(a->threads, &run);
    struct sn_text t = {0};
    sn_split_name split;
    SN_TRY(read_split(&split, a->split, err));
    struct sn_file_eval *e = calloc(1, sizeof *e);
    if (!e)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for an evaluation");
    omp_set_num_threads(threads);
    const char *word = split == SN_SPLIT_VAL ? "val" : "test";
    sn_status rc = sn_evaluate_file(e, a->operand, split, a->isa, threads, err);
    if (rc == SN_OK && a->json) {
        rc = sn_cli_print_owned(eval_json(e, word), err);
    } else if (rc == SN_OK) {
        sn_text_add(&t, "%-8s %s\n%-8s %s, %d %s images, %d classes\n", "net",
                    e->path, "data", e->set, e->eval.images, word, e->classes);
        sn_text_add(&t, "%-8s accuracy %.2f %% (%d right), loss %.4f\n",
                    "result", 100 * e->eval.accuracy, e->eval.correct,
                    e->eval.loss);
        rc = sn_cli_print_text(&t, err);
    }
    free(e);
    return rc;
}
