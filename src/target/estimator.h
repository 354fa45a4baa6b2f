#ifndef SN_TARGET_ESTIMATOR_H
#define SN_TARGET_ESTIMATOR_H

/* The estimator: what a unit costs on a device, out of what others cost.
 *
 * A regression per operator class (per op of struct sn_unit), each of the
 * family that predicts rows it has not seen best.  An estimator is of one
 * device and one data type.  It lives in an .est file, which is written whole
 * or not at all and reads back to the same bits. */

#include <stdint.h>

#include "base/status.h"
#include "regress/score.h"
#include "target/correction.h"
#include "target/unit.h"

/* How a class is predicted. */
typedef enum {
    SN_FAMILY_ROOFLINE, /* the analytic prior with fitted coefficients */
    SN_FAMILY_RIDGE,    /* linear in log space, on the prior and its features */
    SN_FAMILY_BOOSTED,  /* trees on the logarithm of measured / prior */
    SN_FAMILIES
} sn_family;

/* `roofline`, `ridge`, `boosted`. */
const char *sn_family_name(sn_family family);

struct sn_estimator; /* opaque */

struct sn_estimate {
    double seconds;      /* positive */
    const char *outside; /* the feature furthest outside of what was measured;
                          * NULL: inside */
    double beyond;       /* how far: a factor of 2 is 1 */
};

enum { SN_DEVICE_TEXT = 48 };

const char *sn_estimator_device(const struct sn_estimator *e);
const char *sn_estimator_dtype(const struct sn_estimator *e);

/* The kernels that this program measured with (cost_cache.h); "" of others. */
const char *sn_estimator_kernels(const struct sn_estimator *e);

/* Whether there is a class for units of this op. */
bool sn_estimator_has(const struct sn_estimator *e, sn_unit_op op);

/* The activation among those that a class was measured with that stands for
 * `act`: itself, one that costs the same (relu and relu6, hswish and swish), or
 * none. */
sn_unit_act sn_estimator_act(const struct sn_estimator *e, sn_unit_op op,
                             sn_unit_act act);

/* Whether a class has units that add their input to their output. */
bool sn_estimator_skips(const struct sn_estimator *e, sn_unit_op op);

/* Relative error that the estimator states of a net: the mean over nets that
 * its fit had not seen, or, without nets, over rows of its worst class.  NaN
 * where neither is known. */
double sn_estimator_error(const struct sn_estimator *e);

/* Predicts a unit whose op there is a class for.  Serial, keeps no state. */
struct sn_estimate sn_estimator_predict(const struct sn_estimator *e,
                                        const struct sn_unit *u);

/* Seconds that a net takes beside its units: a net is their sum and this. */
double sn_estimator_constant(const struct sn_estimator *e);

/* A number that differs where predictions may: of all that is in the file. */
uint64_t sn_estimator_hash(const struct sn_estimator *e);

/* Takes NULL as well. */
void sn_estimator_destroy(struct sn_estimator *e);

/* ---- fitting ---- */

/* Rows to fit: [n] units with their times in microseconds (> 0). */
struct sn_fit_rows {
    const struct sn_unit *const *unit;
    const double *us;
    int n;
};

/* Counts up whenever the same rows are fitted to other estimators. */
enum { SN_FIT_VERSION = 1 };

struct sn_fit_options {
    const char *device, *dtype; /* written into the estimator; cut at 47 */
    const char *kernels;        /* the same; NULL: "" */
    uint64_t seed;
    int folds;             /* of the cross-validation, >= 2 */
    const sn_family *only; /* NULL: the best by cross-validation */
};

/* How one class came out.  Scores are of rows that the fit had not seen. */
struct sn_fit_class {
    sn_unit_op op;
    int rows;
    sn_family family;        /* the winner */
    bool tried[SN_FAMILIES]; /* some need more rows than there are */
    struct sn_score score[SN_FAMILIES];
    double *measured, *predicted; /* owned, one block, [rows] each: the
                                   * winner's, held out */
};

struct sn_fit_report {
    int classes;
    struct sn_fit_class item[SN_UNIT_OPS];
};

/* Fits a class per op of the rows (there may be none).  The same rows in the
 * same order give the same bits at any number of threads.  SN_ERR_MEMORY. */
sn_status sn_estimator_fit(struct sn_estimator **e,
                           struct sn_fit_report *report,
                           const struct sn_fit_rows *rows,
                           const struct sn_fit_options *options,
                           struct sn_error *err);

/* How whole nets came out; scores are of nets that the fit had not seen. */
struct sn_fit_nets {
    int nets, units;
    sn_nets_kind kind;         /* the winner */
    bool tried[SN_NETS_KINDS]; /* some need more nets than there are */
    struct sn_score score[SN_NETS_KINDS];
    double *measured, *predicted; /* owned, one block, [nets] each */
};

/* `sum`, `affine`, `kriged`. */
const char *sn_nets_kind_name(sn_nets_kind kind);

/* Takes in what whole nets say, in the form that predicts nets it has not seen
 * best.  Ops of the nets' units that the estimator has no class for get the
 * roofline that the nets themselves tell of.  SN_ERR_MEMORY. */
sn_status sn_estimator_fit_nets(struct sn_estimator *e,
                                struct sn_fit_nets *report,
                                const struct sn_sums *nets, int folds,
                                uint64_t seed, struct sn_error *err);

/* Takes one that is all zero as well. */
void sn_fit_nets_release(struct sn_fit_nets *report);

/* Takes one that is all zero as well. */
void sn_fit_report_release(struct sn_fit_report *report);

/* ---- files ---- */

/* SN_ERR_OUTPUT, SN_ERR_MEMORY. */
sn_status sn_estimator_save(const struct sn_estimator *e, const char *path,
                            struct sn_error *err);

/* Every fault of the file is SN_ERR_INPUT and names it.  SN_ERR_MEMORY. */
sn_status sn_estimator_load(struct sn_estimator **e, const char *path,
                            struct sn_error *err);

#endif
