#ifndef SN_REPORT_SVG_H
#define SN_REPORT_SVG_H

/* Charts as SVG: numbers in, text out.  One picture holds charts below each
 * other; every chart has two axes with round ticks and any number of series.
 * Colours and sizes are its own, so that all charts look alike. */

#include <stdbool.h>

typedef enum {
    SN_SERIES_LINE, /* points joined in their order */
    SN_SERIES_DOTS
} sn_series_form;

struct sn_series {
    const char *label; /* in the legend */
    sn_series_form form;
    const double *x, *y; /* [n] borrowed; what is not finite is left out */
    int n;
};

struct sn_chart {
    const char *title, *x_label, *y_label;
    bool log_x, log_y;              /* then values <= 0 are left out */
    const struct sn_series *series; /* [n] borrowed */
    int n;
};

/* The picture.  Caller frees; NULL when memory is short. */
char *sn_svg_charts(const struct sn_chart *charts, int n);

#endif
