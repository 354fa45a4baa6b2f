/* Dividing the training set: val, arch, weights.
 *
 * Each class is shuffled by itself (Fisher-Yates on counters) and cut at the
 * same shares, so that every part holds the classes in the same proportions.
 * What belongs to val does not depend on arch_share. */

#include "datasets/dataset.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "datasets/datasets_internal.h"

enum part { WEIGHTS, ARCH, VAL };

void sn_shuffle(int *index, int n, struct sn_rng rng, uint32_t stream)
{
    for (int i = n - 1; i > 0; i--) {
        const uint32_t j =
            sn_rng_below(rng, stream, (uint32_t)i, 0, (uint32_t)i + 1);
        const int swap = index[i];
        index[i] = index[j];
        index[j] = swap;
    }
}

void sn_group_classes(int *index, int *first, const int *labels, int n,
                      int classes)
{
    for (int label = 0; label <= classes; label++)
        first[label] = 0;
    for (int i = 0; i < n; i++)
        if (labels[i] >= 0 && labels[i] < classes)
            first[labels[i] + 1]++;
    for (int label = 0; label < classes; label++)
        first[label + 1] += first[label];
    for (int i = 0; i < n; i++) /* first[] walks to where the next one begins */
        if (labels[i] >= 0 && labels[i] < classes)
            index[first[labels[i]]++] = i;
    for (int label = classes; label > 0; label--)
        first[label] = first[label - 1];
    first[0] = 0;
}

/* Gives every image of one class its part. */
static void assign(unsigned char *part, const int *index, int n, double val,
                   double arch_share)
{
    const int n_val = (int)lround(val * n);
    const int n_arch = (int)lround(arch_share * (n - n_val));
    for (int i = 0; i < n; i++)
        part[index[i]] = i < n_val ? VAL : i < n_val + n_arch ? ARCH : WEIGHTS;
}

/* Fills `part` class by class; `index` is scratch for n numbers.  Validation
 * images that a set brings along are its last ones. */
static void divide(unsigned char *part, int *index,
                   const struct sn_dataset *set, double val, double arch_share,
                   uint64_t seed)
{
    const struct sn_rng rng = sn_rng_make(seed, SN_RNG_SPLIT);
    const int mixed = set->train.n - set->own_val;
    for (int i = mixed; i < set->train.n; i++)
        part[i] = VAL;
    int first[SN_MAX_CLASSES + 1];
    sn_group_classes(index, first, set->train.labels, mixed, set->classes);
    for (int label = 0; label < set->classes; label++) {
        int *own = index + first[label];
        const int n = first[label + 1] - first[label];
        sn_shuffle(own, n, rng, (uint32_t)label);
        assign(part, own, n, set->own_val ? 0 : val, arch_share);
    }
}

/* Lists the images of each part in ascending order; the lists have room. */
static void list_parts(struct sn_split *split, const unsigned char *part, int n)
{
    for (int i = 0; i < n; i++) {
        if (part[i] == VAL) {
            split->val[split->n_val++] = i;
            continue;
        }
        split->full[split->n_full++] = i;
        if (part[i] == ARCH)
            split->arch[split->n_arch++] = i;
        else
            split->weights[split->n_weights++] = i;
    }
}

static sn_status check_parts(const struct sn_split *split, double val,
                             double arch_share, int n, struct sn_error *err)
{
    if (val > 0 && split->n_val == 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "[data] val: a share of %g of %d training images "
                       "leaves none of any class",
                       val, n);
    if (arch_share > 0 && split->n_arch == 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "[search] arch_split: a share of %g of %d training "
                       "images leaves none of any class",
                       arch_share, split->n_full);
    if (split->n_weights == 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "val = %g and arch_split = %g leave none of the %d "
                       "training images to train weights on",
                       val, arch_share, n);
    return SN_OK;
}

sn_status sn_split_make(struct sn_split *split, const struct sn_dataset *set,
                        double val, double arch_share, uint64_t seed,
                        struct sn_error *err)
{
    SN_CHECK(val >= 0 && val < 1 && arch_share >= 0 && arch_share < 1);
    const int n = set->train.n;
    const size_t bytes = (size_t)n * sizeof(int);
    struct sn_split made = {
        .weights = malloc(bytes),
        .arch = malloc(bytes),
        .val = malloc(bytes),
        .full = malloc(bytes),
    };
    int *index = malloc(bytes);
    unsigned char *part = calloc((size_t)n, 1);
    sn_status rc;
    if (!made.weights || !made.arch || !made.val || !made.full || !index ||
        !part) {
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory to divide %d images", n);
    } else {
        divide(part, index, set, val, arch_share, seed);
        list_parts(&made, part, n);
        rc = check_parts(&made, val, arch_share, n, err);
    }
    free(index);
    free(part);
    if (rc == SN_OK)
        *split = made;
    else
        sn_split_release(&made);
    return rc;
}

void sn_split_release(struct sn_split *split)
{
    free(split->weights);
    free(split->arch);
    free(split->val);
    free(split->full);
    *split = (struct sn_split){0};
}
