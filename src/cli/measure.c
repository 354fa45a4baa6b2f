/* supernet measure: how long the units of a config's nets take on this machine.
 */

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "cli/cli.h"
#include "job/measure_device.h"

struct bar {
    bool shows;
    double drawn; /* clock of the last drawing */
};

static void draw(void *context, int done, int all, double left)
{
    enum { CELLS = 30 };
    struct bar *bar = context;
    char text[CELLS + 1], time[SN_QUANTITY_TEXT];
    const double now = sn_clock_seconds();
    if (!bar->shows || now < bar->drawn + 0.2)
        return;
    bar->drawn = now;
    for (int i = 0; i < CELLS; i++)
        text[i] = (long)i * all < (long)CELLS * done ? '#' : '.';
    text[CELLS] = '\0';
    fprintf(stderr, "\rmeasure  %s %d/%d  %s left   ", text, done, all,
            sn_text_elapsed(time, sizeof time, left));
}

static void add_text(struct sn_text *t, const struct sn_measure_result *r,
                     const char *file)
{
    char time[SN_QUANTITY_TEXT], beyond[48] = "";
    const char *nets = r->nets.nets ? r->nets_file : "";
    const size_t n = strlen(file);
    const int stem =
        n > 4 && strcmp(file + n - 4, ".csv") == 0 ? (int)n - 4 : (int)n;
    if (r->unsettled)
        snprintf(beyond, sizeof beyond, ", %d of them beyond 2 %%",
                 r->unsettled);
    sn_text_add(t, "%-8s %s, batch 1, f32, %s\n", "device", r->device,
                r->pinned ? "pinned to a core" : "NOT pinned to a core");
    sn_text_add(t,
                "%-8s %d that the nets need, %d sampled around them; %d "
                "were there\n",
                "units", r->needed, r->sampled, r->kept);
    sn_text_add(t, "%-8s %d in %s, %ld runs; medians to %.1f %%%s\n", "timed",
                r->done, sn_text_elapsed(time, sizeof time, r->seconds),
                r->runs, 100 * r->worst, beyond);
    sn_text_add(t,
                "%-8s %.1f %% of runs were outliers; the clock drifted by "
                "%+.1f %%, which is taken out\n",
                "noise",
                r->runs ? 100.0 * (double)r->outliers / (double)r->runs : 0,
                100 * r->drift);
    if (r->nets.nets)
        sn_text_add(t, "%-8s %d of the config, timed whole; %d were there\n",
                    "nets", r->nets.done, r->nets.kept);
    sn_text_add(t, "%-8s %s%s%s%s\n", "file", file, *nets ? ", " : "", nets,
                r->complete ? ""
                            : "; the time was up: the same command goes on");
    if (r->complete)
        sn_text_add(t, "%-8s supernet fit %s%s%s -o %.*s.est\n", "try", file,
                    *nets ? " --nets " : "", nets, stem, file);
}

static char *to_json(const struct sn_measure_result *r, const char *file)
{
    json_t *o = json_pack(
        "{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:b, s:b, "
        "s:s?, s:i, s:i}",
        "device", r->device, "file", file, "needed", r->needed, "sampled",
        r->sampled, "kept", r->kept, "timed", r->done, "unsettled",
        r->unsettled, "worst_spread", r->worst, "outliers",
        r->runs ? (double)r->outliers / (double)r->runs : 0.0, "drift",
        r->drift, "seconds", r->seconds, "complete", r->complete, "pinned",
        r->pinned, "nets_file", r->nets.nets ? r->nets_file : NULL, "nets_kept",
        r->nets.kept, "nets_timed", r->nets.done);
    char *text =
        o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(o);
    return text;
}

static sn_status read_time(double *seconds, const char *text,
                           struct sn_error *err)
{
    const struct sn_option row = {
        .key = "time", .type = SN_OPT_TIME, .min = 1, .unit = "s"};
    struct sn_quantity q = {0};
    struct sn_error why;
    *seconds = 300;
    if (!text)
        return SN_OK;
    if (sn_option_parse(&row, &q, text, NULL, &why) != SN_OK)
        return sn_fail(err, SN_ERR_CONFIG, "--time: %s", why.text);
    *seconds = q.value;
    return SN_OK;
}

static sn_status read_nets(int *nets, const char *text, struct sn_error *err)
{
    const struct sn_option row = {
        .key = "nets", .type = SN_OPT_INT, .min = 1, .max = 1000, .unit = ""};
    struct sn_error why;
    if (text && sn_option_parse(&row, nets, text, NULL, &why) != SN_OK)
        return sn_fail(err, SN_ERR_CONFIG, "--nets: %s", why.text);
    return SN_OK;
}

sn_status sn_cli_measure(const struct sn_cli *a, struct sn_error *err)
{
    struct bar bar = {.shows = !a->quiet && sn_os_columns(stderr) > 60};
    struct sn_measure_request q = {.config = a->operand,
                                   .over = a->over,
                                   .n_over = a->n_over,
                                   .output = a->dir ? a->dir : "cpu.csv",
                                   .isa = a->isa,
                                   .tell = draw,
                                   .context = &bar};
    struct sn_measure_result r;
    struct sn_text t = {0};
    SN_TRY(read_time(&q.seconds, a->time, err));
    SN_TRY(read_nets(&q.nets, a->nets, err));
    const sn_status rc = sn_measure_device(&r, &q, err);
    if (bar.drawn > 0)
        fprintf(stderr, "\r%-79s\r", "");
    if (rc != SN_OK)
        return rc;
    if (a->json)
        return sn_cli_print_owned(to_json(&r, q.output), err);
    add_text(&t, &r, q.output);
    return sn_cli_print_text(&t, err);
}
