/* supernet export: a finished net for other programs. */

#include <omp.h>

#include "base/json.h"
#include "cli/cli.h"
#include "job/export_file.h"
#include "job/job.h"

static char *export_json(const struct sn_export *e, bool raw)
{
    json_t *shape = raw ? json_pack("[s,i,i,i]", "N", e->c, e->h, e->w)
                        : json_pack("[s,i,i,i]", "N", e->h, e->w, e->c);
    json_t *notes = json_array();
    for (int i = 0; i < e->notes; i++)
        json_array_append_new(notes, json_string(e->note[i]));
    json_t *o =
        json_pack("{s:o, s:o, s:s, s:{s:s, s:s, s:o}, s:i, s:i, s:f, s:o}",
                  "file", sn_json_name(e->to), "from", sn_json_name(e->from),
                  "format", "onnx", "input", "name", raw ? "input" : "image",
                  "type", raw ? "float" : "uint8", "shape", shape, "classes",
                  e->classes, "recomputed", e->pictures, "largest_difference",
                  e->worst, "notes", notes);
    char *text =
        o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(o);
    return text;
}

static sn_status print(const struct sn_cli *a, const struct sn_export *e,
                       struct sn_error *err)
{
    struct sn_text t = {0};
    if (a->json)
        return sn_cli_print_owned(export_json(e, a->raw_input), err);
    sn_text_add(&t, "%-8s %s\n%-8s %s\n", "net", e->from, "file", e->to);
    if (a->raw_input)
        sn_text_add(&t,
                    "%-8s input, float [N, %d, %d, %d]: (pixel / 255 - "
                    "mean) / deviation\n",
                    "takes", e->c, e->h, e->w);
    else
        sn_text_add(&t,
                    "%-8s image, uint8 [N, %d, %d, %d]: pixels as they "
                    "were decoded\n",
                    "takes", e->h, e->w, e->c);
    sn_text_add(&t, "%-8s logits, float [N, %d]\n", "gives", e->classes);
    sn_text_add(&t,
                "%-8s read back and recomputed on %d pictures, largest "
                "difference %.1e\n",
                "checked", e->pictures, e->worst);
    for (int i = 0; i < e->notes; i++)
        sn_text_add(&t, "%-8s %s\n", "note", e->note[i]);
    return sn_cli_print_text(&t, err);
}

sn_status sn_cli_export(const struct sn_cli *a, struct sn_error *err)
{
    const struct sn_run_options run = {0};
    struct sn_export e;
    if (!a->onnx)
        return sn_fail(err, SN_ERR_CONFIG,
                       "export: expected the format: --onnx");
    const struct sn_export_request request = {
        .from = a->operand,
        .to = a->dir,
        .raw = a->raw_input,
        .isa = a->isa,
        .threads = sn_job_threads(a->threads, &run)};
    omp_set_num_threads(request.threads);
    SN_TRY(sn_export_file(&e, &request, err));
    return print(a, &e, err);
}
