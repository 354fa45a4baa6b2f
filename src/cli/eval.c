/* supernet eval: the accuracy of a finished net, class by class. */

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "job/evaluate_file.h"
#include "job/job.h"

static const char *const splits[] = {[SN_SPLIT_TEST] = "test",
                                     [SN_SPLIT_VAL] = "val",
                                     [SN_SPLIT_TRAIN] = "train"};

static sn_status read_split(sn_split_name *split, const char *word,
                            struct sn_error *err)
{
    *split = SN_SPLIT_TEST;
    if (!word)
        return SN_OK;
    for (int i = 0; i < (int)(sizeof splits / sizeof *splits); i++)
        if (strcmp(word, splits[i]) == 0) {
            *split = (sn_split_name)i;
            return SN_OK;
        }
    return sn_fail(err, SN_ERR_CONFIG,
                   "--split: '%s' is not known; expected test, val or train",
                   word);
}

/* ---- output ---- */

static json_t *classes_json(const struct sn_file_eval *e)
{
    json_t *list = json_array();
    for (int il = 0; il < e->classes; il++) {
        const struct sn_class_eval c = sn_class_eval(e, il);
        json_t *other = c.taken_for < 0
                            ? json_null()
                            : sn_json_name(e->class_name[c.taken_for]);
        json_array_append_new(list, json_pack("{s:o, s:I, s:I, s:o}", "class",
                                              sn_json_name(e->class_name[il]),
                                              "images", (json_int_t)c.images,
                                              "correct", (json_int_t)c.correct,
                                              "taken_for", other));
    }
    return list;
}

static char *eval_json(const struct sn_file_eval *e, const char *split)
{
    char *arch = sn_arch_text(&e->arch);
    json_t *o = json_pack(
        "{s:s, s:s, s:f, s:f, s:s, s:s, s:i, s:i, s:o, s:s?, s:s?, s:o}",
        "task", "classify", "metric", "accuracy", "value", e->eval.accuracy,
        "loss", e->eval.loss, "set", e->set, "split", split, "images",
        e->eval.images, "correct", e->eval.correct, "file",
        sn_json_name(e->path), "arch", arch, "note",
        e->note[0] ? e->note : NULL, "classes", classes_json(e));
    char *text =
        o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(o);
    free(arch);
    return text;
}

static int longest_name(const struct sn_file_eval *e)
{
    int most = 0;
    for (int il = 0; il < e->classes; il++) {
        const int n = (int)sn_text_letters(e->class_name[il]);
        most = n > most ? n : most;
    }
    return most;
}

static void add_class(struct sn_text *t, const struct sn_file_eval *e, int il,
                      int width)
{
    const struct sn_class_eval c = sn_class_eval(e, il);
    sn_text_add(t, "%-8s %-*s %6ld ", il ? "" : "class",
                sn_text_width(e->class_name[il], width), e->class_name[il],
                c.images);
    if (c.images)
        sn_text_add(t, "%7.2f %%", 100 * (double)c.correct / (double)c.images);
    if (c.taken_for >= 0)
        sn_text_add(t, "  %ld taken for %s",
                    e->matrix[(ptrdiff_t)il * e->classes + c.taken_for],
                    e->class_name[c.taken_for]);
    sn_text_add(t, "\n");
}

static sn_status print(const struct sn_cli *a, const struct sn_file_eval *e,
                       const char *split, const char *matrix,
                       struct sn_error *err)
{
    struct sn_text t = {0};
    if (a->json)
        return sn_cli_print_owned(eval_json(e, split), err);
    sn_text_add(&t, "%-8s %s\n%-8s %s, %d %s images, %d classes\n", "net",
                e->path, "data", e->set, e->eval.images, split, e->classes);
    sn_text_add(&t, "%-8s accuracy %.2f %% (%d right), loss %.4f\n", "result",
                100 * e->eval.accuracy, e->eval.correct, e->eval.loss);
    for (int il = 0; il < e->classes; il++)
        add_class(&t, e, il, longest_name(e));
    if (matrix)
        sn_text_add(&t, "%-8s %s\n", "matrix", matrix);
    if (e->note[0])
        sn_text_add(&t, "%-8s %s\n", "note", e->note);
    return sn_cli_print_text(&t, err);
}

static sn_status write_confusion(const char *path, const struct sn_file_eval *e,
                                 struct sn_error *err)
{
    char *text = sn_confusion_csv(e);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a matrix");
    const sn_status rc = sn_file_write(path, text, strlen(text), err);
    free(text);
    return rc;
}

sn_status sn_cli_eval(const struct sn_cli *a, struct sn_error *err)
{
    const struct sn_run_options run = {0};
    const int threads = sn_job_threads(a->threads, &run);
    sn_split_name split;
    SN_TRY(read_split(&split, a->split, err));
    struct sn_file_eval *e = calloc(1, sizeof *e);
    if (!e)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for an evaluation");
    omp_set_num_threads(threads);
    sn_status rc = sn_evaluate_file(e, a->operand, split, a->isa, threads, err);
    if (rc == SN_OK) { /* the result is told even if the file fails */
        const sn_status wrote =
            a->confusion ? write_confusion(a->confusion, e, err) : SN_OK;
        rc = print(a, e, splits[split], wrote == SN_OK ? a->confusion : NULL,
                   err);
        rc = rc == SN_OK ? wrote : rc;
    }
    sn_file_eval_release(e);
    free(e);
    return rc;
}
