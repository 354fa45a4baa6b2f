/* Charts as SVG; see svg.h.
 *
 * An axis maps values (their logarithms) to pixels.  Its ticks are 1, 2 or 5
 * times a power of ten apart, on a logarithmic axis all of these that fit. */

#include "report/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Sizes in pixels. */
enum {
    WIDTH = 720,
    HEIGHT = 320, /* of a chart */
    LEFT = 80,
    RIGHT = 16,
    TOP = 34,
    BOTTOM = 46,
    TICKS = 6 /* about so many */
};

static const char *const colours[] = {"#1f6fb4", "#d9601a", "#2c8a3c",
                                      "#8a4fa3", "#777777"};
enum { COLOURS = sizeof colours / sizeof *colours };

struct axis {
    bool log;
    double low, high;   /* of the values, or of their logarithms */
    double first, last; /* pixels */
};

static bool usable(const struct axis *a, double v)
{
    return isfinite(v) && (!a->log || v > 0);
}

static double place(const struct axis *a, double v)
{
    const double x = a->log ? log10(v) : v;
    return a->first + (x - a->low) / (a->high - a->low) * (a->last - a->first);
}

static void widen(struct axis *a, double v)
{
    const double x = a->log ? log10(v) : v;
    a->low = fmin(a->low, x);
    a->high = fmax(a->high, x);
}

/* Axes that hold all points of the chart, from 0 on where they are linear. */
static void fit_axes(const struct sn_chart *c, struct axis *x, struct axis *y)
{
    *x = (struct axis){c->log_x, INFINITY, -INFINITY, LEFT, WIDTH - RIGHT};
    *y = (struct axis){c->log_y, INFINITY, -INFINITY, HEIGHT - BOTTOM, TOP};
    for (int is = 0; is < c->n; is++)
        for (int i = 0; i < c->series[is].n; i++) {
            const double vx = c->series[is].x[i], vy = c->series[is].y[i];
            if (!usable(x, vx) || !usable(y, vy))
                continue;
            widen(x, vx);
            widen(y, vy);
        }
    struct axis *axes[] = {x, y};
    for (int i = 0; i < 2; i++) {
        struct axis *a = axes[i];
        if (a->low > a->high)
            a->low = a->high = 0;
        if (!a->log)
            a->low = fmin(a->low, 0);
        const double room = a->high - a->low;
        a->high += room > 0 ? 0.04 * room : 1;
        if (a->log)
            a->low -= room > 0 ? 0.04 * room : 1;
    }
}

static void add_xml(struct sn_text *t, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            sn_text_add(t, "&lt;");
            break;
        case '>':
            sn_text_add(t, "&gt;");
            break;
        case '&':
            sn_text_add(t, "&amp;");
            break;
        case '"':
            sn_text_add(t, "&quot;");
            break;
        default:
            sn_text_add_bytes(t, text, 1);
        }
    }
}

/* `more` are further attributes of the element. */
static void add_label(struct sn_text *t, double x, double y, const char *more,
                      const char *text)
{
    sn_text_add(t, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, more);
    add_xml(t, text);
    sn_text_add(t, "</text>\n");
}

static void add_tick(struct sn_text *t, const struct axis *a, bool across,
                     double value)
{
    const double at = place(a, value);
    char text[32];
    snprintf(text, sizeof text, "%.6g", value);
    if (across) {
        sn_text_add(t, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>\n", at, TOP,
                    HEIGHT - BOTTOM);
        add_label(t, at, HEIGHT - BOTTOM + 16, "class=\"middle\"", text);
    } else {
        sn_text_add(t, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>\n", LEFT, at,
                    WIDTH - RIGHT);
        add_label(t, LEFT - 6, at + 4, "class=\"end\"", text);
    }
}

static void add_linear_ticks(struct sn_text *t, const struct axis *a,
                             bool across)
{
    const double rough = (a->high - a->low) / TICKS;
    const double unit = pow(10, floor(log10(rough)));
    const double step = rough <= unit       ? unit
                        : rough <= 2 * unit ? 2 * unit
                        : rough <= 5 * unit ? 5 * unit
                                            : 10 * unit;
    for (double i = ceil(a->low / step); i * step <= a->high; i++)
        add_tick(t, a, across, i * step);
}

static void add_log_ticks(struct sn_text *t, const struct axis *a, bool across)
{
    static const double parts[] = {1, 2, 5};
    const int n = a->high - a->low > 2.5 ? 1 : 3;
    for (double i = floor(a->low); i <= a->high; i++)
        for (int ip = 0; ip < n; ip++) {
            const double v = parts[ip] * pow(10, i);
            if (log10(v) >= a->low && log10(v) <= a->high)
                add_tick(t, a, across, v);
        }
}

static void add_series(struct sn_text *t, const struct sn_series *s,
                       const char *colour, const struct axis *x,
                       const struct axis *y)
{
    const bool line = s->form == SN_SERIES_LINE;
    bool begun = false;
    if (line)
        sn_text_add(t, "<path class=\"line\" stroke=\"%s\" d=\"", colour);
    for (int i = 0; i < s->n; i++) {
        if (!usable(x, s->x[i]) || !usable(y, s->y[i]))
            continue;
        const double px = place(x, s->x[i]), py = place(y, s->y[i]);
        if (line)
            sn_text_add(t, "%c%.1f %.1f", begun ? 'L' : 'M', px, py);
        else
            sn_text_add(t,
                        "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" "
                        "fill=\"%s\"/>\n",
                        px, py, colour);
        begun = true;
    }
    if (line)
        sn_text_add(t, "\"/>\n");
}

static void add_legend(struct sn_text *t, const struct sn_chart *c)
{
    double y = TOP + 14;
    for (int is = 0; is < c->n; is++, y += 16) {
        char fill[48];
        snprintf(fill, sizeof fill, "fill=\"%s\"", colours[is % COLOURS]);
        add_label(t, LEFT + 10, y, fill, c->series[is].label);
    }
}

static void add_chart(struct sn_text *t, const struct sn_chart *c)
{
    struct axis x, y;
    fit_axes(c, &x, &y);
    (x.log ? add_log_ticks : add_linear_ticks)(t, &x, true);
    (y.log ? add_log_ticks : add_linear_ticks)(t, &y, false);
    for (int is = 0; is < c->n; is++)
        add_series(t, &c->series[is], colours[is % COLOURS], &x, &y);
    add_legend(t, c);
    add_label(t, LEFT, 20, "class=\"title\"", c->title);
    add_label(t, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 10, "class=\"middle\"",
              c->x_label);
    char turn[64];
    const int middle = (TOP + HEIGHT - BOTTOM) / 2;
    snprintf(turn, sizeof turn,
             "class=\"middle\" transform=\"rotate(-90 16 %d)\"", middle);
    add_label(t, 16, middle, turn, c->y_label);
}

char *sn_svg_charts(const struct sn_chart *charts, int n)
{
    struct sn_text t = {0};
    sn_text_add(&t,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
                "height=\"%d\" viewBox=\"0 0 %d %d\">\n"
                "<style>text{font:12px sans-serif}.title{font-weight:bold}"
                ".middle{text-anchor:middle}.end{text-anchor:end}"
                ".grid{stroke:#ddd;fill:none}"
                ".line{fill:none;stroke-width:1.5}</style>\n"
                "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                WIDTH, n * HEIGHT, WIDTH, n * HEIGHT);
    for (int i = 0; i < n; i++) {
        sn_text_add(&t, "<g transform=\"translate(0 %d)\">\n", i * HEIGHT);
        add_chart(&t, &charts[i]);
        sn_text_add(&t, "</g>\n");
    }
    sn_text_add(&t, "</svg>\n");
    return sn_text_take(&t);
}
