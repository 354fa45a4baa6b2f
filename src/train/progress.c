/* The progress bar:
 *
 *   search   3/8  =====.......  62 %  212 img/s  loss 1.483  acc 46.2 % ...
 *
 * What is known of a step is put into columns, the bar takes what is left of
 * the terminal's width; columns that do not fit are left out from the end. */

#include "train/progress.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/text.h"

static const double redraw_seconds = 0.2;
enum { BAR_LEAST = 8, BAR_MOST = 30 };

/* The first of the three that is set decides the character set (POSIX). */
static bool utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strstr(value, "UTF-8") || strstr(value, "utf8") ||
                   strstr(value, "UTF8") || strstr(value, "utf-8");
    }
    return false;
}

void sn_progress_init(struct sn_progress *p, FILE *out)
{
    const char *no_color = getenv("NO_COLOR");
    *p = (struct sn_progress){.out = out, .phase = ""};
    if (!out)
        return;
    p->columns = sn_os_columns(out);
    p->color = p->columns > 0 && !(no_color && *no_color);
    p->unicode = utf8();
}

void sn_progress_phase(struct sn_progress *p, const char *name, int epochs,
                       double budget)
{
    p->phase = name;
    p->epochs = epochs;
    p->budget = budget;
    p->phase_start = p->epoch_start = sn_clock_seconds();
    p->drawn = 0;
    p->steps = p->images = 0;
}

void sn_progress_clear(struct sn_progress *p)
{
    if (!p->shown)
        return;
    fputs("\r\033[K", p->out);
    fflush(p->out);
    p->shown = false;
}

/* ---- one line ---- */

struct line {
    char text[SN_PROGRESS_LINE];
    size_t bytes;
    int columns, most; /* taken, to be had */
    bool full;
};

/* Adds a column if there is room for it and for the bar; after the first one
 * that does not fit none is added. */
static void add(struct line *l, const char *text)
{
    const size_t n = strlen(text);
    l->full = l->full || l->columns + (int)n + 2 > l->most - BAR_LEAST ||
              l->bytes + n + 3 > sizeof l->text;
    if (l->full)
        return;
    memcpy(l->text + l->bytes, "  ", 2);
    memcpy(l->text + l->bytes + 2, text, n + 1);
    l->bytes += n + 2;
    l->columns += (int)n + 2;
}

static void add_latency(struct line *l, const struct sn_progress *p,
                        double expected)
{
    char now[SN_QUANTITY_TEXT], budget[SN_QUANTITY_TEXT], text[80];
    sn_text_time(now, sizeof now, expected);
    snprintf(text, sizeof text, "E[LAT] %s", now);
    if (p->budget > 0)
        snprintf(text, sizeof text, "E[LAT] %s/%s", now,
                 sn_text_time(budget, sizeof budget, p->budget));
    add(l, text);
}

/* The columns, most wanted first. */
static void fill(struct line *l, const struct sn_progress *p,
                 const struct sn_step_report *r, double now)
{
    char text[80], wait[SN_QUANTITY_TEXT];
    const double took = now - p->epoch_start;
    const double left = (now - p->phase_start) / (double)p->steps *
                        (double)(r->steps - r->step - 1);

    snprintf(text, sizeof text, "eta %s",
             sn_text_elapsed(wait, sizeof wait, left));
    add(l, text);
    snprintf(text, sizeof text, "acc %.1f %%", 100 * r->epoch_accuracy);
    add(l, text);
    if (r->expected > 0)
        add_latency(l, p, r->expected);
    snprintf(text, sizeof text, "%.0f img/s",
             took > 0 ? (double)p->images / took : 0.0);
    add(l, text);
    snprintf(text, sizeof text, "loss %.3f", r->epoch_loss);
    add(l, text);
    snprintf(text, sizeof text, "%d %%", 100 * (r->batch + 1) / r->batches);
    add(l, text);
    snprintf(text, sizeof text, "lr %.4f", r->lr);
    add(l, text);
}

static void draw_bar(const struct sn_progress *p, int width, double share)
{
    const int full = (int)(share * width);
    fputs(p->color ? "\033[32m" : "", p->out);
    for (int i = 0; i < full; i++)
        fputs(p->unicode ? "\xe2\x94\x81" : "=", p->out);
    fputs(p->color ? "\033[2m" : "", p->out);
    for (int i = full; i < width; i++)
        fputs(p->unicode ? "\xe2\x94\x80" : ".", p->out);
    fputs(p->color ? "\033[0m" : "", p->out);
}

static void draw(struct sn_progress *p, const struct sn_step_report *r,
                 double now)
{
    char head[64];
    const int used = snprintf(head, sizeof head, "%-8s %*d/%d  ", p->phase,
                              p->epochs > 99 ? 3 : 2, r->epoch + 1, p->epochs);
    struct line l = {.columns = used, .most = p->columns - 1};
    fill(&l, p, r, now);
    int width = l.most - l.columns;
    if (width > BAR_MOST)
        width = BAR_MOST;
    fprintf(p->out, "\r%s", head);
    if (width > 0)
        draw_bar(p, width, (double)(r->batch + 1) / r->batches);
    fprintf(p->out, "%s\033[K", l.text);
    fflush(p->out);
    p->shown = true;
    p->drawn = now;
}

void sn_progress_step(struct sn_progress *p, const struct sn_step_report *r)
{
    p->steps++;
    p->images += r->images;
    if (!p->out || p->columns < 20)
        return;
    const double now = sn_clock_seconds();
    if (now - p->drawn >= redraw_seconds)
        draw(p, r, now);
}

void sn_progress_epoch(struct sn_progress *p, double *images_per_second,
                       double *seconds)
{
    const double now = sn_clock_seconds();
    *seconds = now - p->epoch_start;
    *images_per_second = *seconds > 0 ? (double)p->images / *seconds : 0;
    p->epoch_start = now;
    p->images = 0;
}
