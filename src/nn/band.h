#ifndef SN_NN_BAND_H
#define SN_NN_BAND_H

/* A few rows of one image as a convolution reads them, in a thread's scratch,
 * with a frame of zeros; it slides down the image and loads each row once.
 *
 *   band [room, frame + w + frame, col]  pixels `col` values apart
 *
 * Rows outside of the image are zeros too. */

#include "nn/stage_kinds.h"

struct sn_band {
    const struct sn_tensor *t;
    sn_load_pixels_fn *load; /* of what the tensor's readers see, or dL/dy */
    void *at;                /* row `first`, its frame included */
    sn_form form;            /* SN_REAL, or SN_BF16 of an even number of c */
    int first, next;         /* image rows held: [first, next) */
    int frame;               /* columns of zeros on either side */
    ptrdiff_t col, row;      /* values between pixels, between rows */
};

/* Values of a band of `room` rows. */
size_t sn_band_values(const struct sn_tensor *t, int room, int frame,
                      ptrdiff_t col);

/* Makes a band in `scratch`; its frame is cleared, it holds no row. */
struct sn_band sn_band_make(const struct sn_tensor *t, sn_load_pixels_fn *load,
                            void *scratch, sn_form form, int room, int frame,
                            ptrdiff_t col);

/* Before the first rows of another image. */
static inline void sn_band_rewind(struct sn_band *b)
{
    b->first = b->next = 0;
}

/* Holds rows [first, next) of image `in` afterwards, at most `room` of them.
 * Neither end ever goes up within an image. */
void sn_band_slide(struct sn_band *b, const struct sn_kernels *k, int in,
                   int first, int next);

/* Row ih of the image, column iw; -frame is the first there is. */
static inline void *sn_band_at(const struct sn_band *b, int ih, int iw)
{
    const ptrdiff_t value = (ih - b->first) * b->row + (b->frame + iw) * b->col;
    return (char *)b->at + value * (ptrdiff_t)sn_form_bytes(b->form);
}

#endif
