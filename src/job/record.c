/* What a job writes while it runs: lines, logs, checkpoints. */

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "job/job_internal.h"

/* ---- lines ---- */

sn_status sn_job_say(struct sn_job *j, struct sn_error *err, const char *fmt,
                     ...)
{
    char line[SN_ERROR_TEXT];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (j->ask->out) {
        sn_progress_clear(&j->progress);
        fprintf(j->ask->out, "%s\n", line);
        fflush(j->ask->out);
    }
    if (!j->dir.log[SN_LOG_TEXT].file)
        return SN_OK;
    return sn_log_file_add(&j->dir.log[SN_LOG_TEXT], err, "%s\n", line);
}

/* ---- phases and checkpoints ---- */

void sn_job_begin_phase(struct sn_job *j, const char *title, int epochs)
{
    j->phase_clock = j->saved_clock = sn_clock_seconds();
    j->phase_seconds = j->at->seconds[j->at->phase];
    j->profile = (struct sn_profile){0};
    sn_progress_phase(&j->progress, title, epochs, sn_job_plan_target(j->plan));
}

struct sn_profile *sn_job_profile(struct sn_job *j)
{
    return j->ask->verbose ? &j->profile : NULL;
}

sn_status sn_job_say_profile(struct sn_job *j, struct sn_error *err)
{
    struct sn_text t = {0};
    if (!j->ask->verbose)
        return SN_OK;
    sn_text_add(&t, "%-8s %ld steps of this phase, milliseconds of one\n",
                "profile", j->profile.steps);
    sn_profile_text(&j->profile, &t);
    char *text = sn_text_take(&t);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the profile");
    text[strlen(text) - 1] = '\0'; /* a line brings its own end */
    const sn_status rc = sn_job_say(j, err, "%s", text);
    free(text);
    return rc;
}

static void count_seconds(struct sn_job *j)
{
    j->at->seconds[j->at->phase] =
        j->phase_seconds + sn_clock_seconds() - j->phase_clock;
}

void sn_job_end_phase(struct sn_job *j, sn_phase next)
{
    count_seconds(j);
    j->at->phase = next;
    j->at->train = (struct sn_train_state){0};
    j->at->tally = (struct sn_arch_tally){0};
}

sn_status sn_job_save(struct sn_job *j, const struct sn_supernet *net,
                      struct sn_error *err)
{
    if (j->at->phase != SN_PHASE_DONE)
        count_seconds(j);
    SN_TRY(sn_rundir_sync(&j->dir, j->at->log_length, err));
    SN_TRY(sn_checkpoint_save(&j->dir, j->at, net, err));
    j->saved_clock = sn_clock_seconds();
    return SN_OK;
}

static bool save_is_due(const struct sn_job *j)
{
    const struct sn_quantity *every = &j->config.run.checkpoint;
    return every->set && sn_clock_seconds() - j->saved_clock >= every->value;
}

/* ---- steps ---- */

/* Numbers are written so that they read back as they were. */
static sn_status log_step(struct sn_job *j, const struct sn_step_report *r,
                          struct sn_error *err)
{
    char loss[32], lr[32], arch[160] = "";
    if (r->arch_step) {
        char a[32], e[32], m[32], l[32];
        snprintf(arch, sizeof arch,
                 ",\"arch_loss\":%s,\"expected_ms\":%s,\"argmax_ms\":%s,"
                 "\"%s\":%s",
                 sn_text_real(a, sizeof a, r->arch_loss),
                 sn_text_real(e, sizeof e, 1e3 * r->expected),
                 sn_text_real(m, sizeof m, 1e3 * r->argmax), r->multiplier_name,
                 sn_text_real(l, sizeof l, r->multiplier));
    }
    return sn_log_file_add(
        &j->dir.log[SN_LOG_STEPS], err,
        "{\"phase\":\"%s\",\"epoch\":%d,\"step\":%ld,\"loss\":%s,"
        "\"correct\":%d,\"images\":%d,\"lr\":%s%s}\n",
        sn_phase_name((sn_phase)j->at->phase), r->epoch + 1, r->step + 1,
        sn_text_real(loss, sizeof loss, r->loss), r->correct, r->images,
        sn_text_real(lr, sizeof lr, r->lr), arch);
}

/* ---- epochs ---- */

static const char epochs_header[] =
    "phase,epoch,loss,accuracy,lr,val_accuracy,held_out_loss,"
    "held_out_accuracy,expected_ms,argmax_ms,seconds\n";

/* A cell; empty when the value is not known. */
static void add_cell(struct sn_text *t, double value)
{
    char cell[32] = "";
    if (isfinite(value))
        sn_text_real(cell, sizeof cell, value);
    sn_text_add(t, ",%s", cell);
}

static sn_status log_epoch(struct sn_job *j, const struct sn_epoch_row *row,
                           double seconds, struct sn_error *err)
{
    const struct sn_step_report *r = row->report;
    const bool search = j->at->phase == SN_PHASE_SEARCH;
    struct sn_log_file *log = &j->dir.log[SN_LOG_EPOCHS];
    struct sn_text t = {0};
    if (r->epoch == 0 &&
        j->at->phase == (j->plan->searches ? SN_PHASE_SEARCH : SN_PHASE_FINAL))
        sn_text_add(&t, "%s", epochs_header);
    sn_text_add(&t, "%s,%d", sn_phase_name((sn_phase)j->at->phase),
                r->epoch + 1);
    const double cells[] = {r->epoch_loss,
                            r->epoch_accuracy,
                            r->lr,
                            row->val,
                            row->held_out_loss,
                            row->held_out,
                            search ? 1e3 * r->expected : (double)NAN,
                            search ? 1e3 * r->argmax : (double)NAN};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        add_cell(&t, cells[i]);
    sn_text_add(&t, ",%.2f\n", seconds);
    char *text = sn_text_take(&t);
    if (!text)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a line of log");
    const sn_status rc = sn_log_file_add(log, err, "%s", text);
    free(text);
    return rc;
}

static sn_status end_epoch(struct sn_job *j, const struct sn_epoch_row *row,
                           struct sn_error *err)
{
    const struct sn_step_report *r = row->report;
    char more[160] = "", wait[SN_QUANTITY_TEXT];
    double rate, seconds;
    sn_progress_epoch(&j->progress, &rate, &seconds);
    SN_TRY(log_epoch(j, row, seconds, err));
    if (j->at->phase == SN_PHASE_SEARCH) {
        char expected[SN_QUANTITY_TEXT], argmax[SN_QUANTITY_TEXT];
        char held_out[40] = "";
        if (isfinite(row->held_out))
            snprintf(held_out, sizeof held_out, "  held %5.1f %%",
                     100 * row->held_out);
        snprintf(more, sizeof more, "%s  E[LAT] %s%s%s", held_out,
                 sn_text_time(expected, sizeof expected, r->expected),
                 isfinite(r->argmax) ? ", argmax " : "",
                 isfinite(r->argmax)
                     ? sn_text_time(argmax, sizeof argmax, r->argmax)
                     : "");
    } else if (isfinite(row->val)) {
        snprintf(more, sizeof more, "  val %5.1f %%", 100 * row->val);
    }
    return sn_job_say(
        j, err, "%-8s %*d/%d  loss %.3f  acc %5.1f %%%s  %.0f img/s, %s",
        j->progress.phase, j->progress.epochs > 99 ? 3 : 2, r->epoch + 1,
        j->progress.epochs, r->epoch_loss, 100 * r->epoch_accuracy, more, rate,
        sn_text_elapsed(wait, sizeof wait, seconds));
}

/* ---- after every step ---- */

static sn_status stopped(struct sn_job *j, int signal, struct sn_error *err)
{
    sn_progress_clear(&j->progress);
    return sn_fail(err, signal == SIGTERM ? SN_TERMINATED : SN_INTERRUPTED,
                   "interrupted in phase %s, epoch %d, step %d of it; a "
                   "checkpoint was saved\ngo on with: supernet train --resume "
                   "%s",
                   sn_phase_name((sn_phase)j->at->phase),
                   j->at->train.epoch + 1, j->at->train.batch, j->dir.path);
}

sn_status sn_job_tick(struct sn_job *j, struct sn_error *err)
{
    const int signal = j->ask->stop ? (int)*j->ask->stop : 0;
    j->at->train.batch++;
    if (signal || save_is_due(j))
        SN_TRY(sn_job_save(j, NULL, err));
    return signal ? stopped(j, signal, err) : SN_OK;
}

sn_status sn_job_record(struct sn_job *j, const struct sn_step_report *r,
                        const struct sn_epoch_row *row,
                        const struct sn_supernet *net, struct sn_error *err)
{
    const int signal = j->ask->stop ? (int)*j->ask->stop : 0;
    sn_progress_step(&j->progress, r);
    SN_TRY(log_step(j, r, err));
    if (row)
        SN_TRY(end_epoch(j, row, err));
    if (row || signal || save_is_due(j))
        SN_TRY(sn_job_save(j, net, err));
    return signal ? stopped(j, signal, err) : SN_OK;
}
