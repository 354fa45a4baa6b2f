/* Weights turned around for backward; see turn.h. */

#include "nn/turn.h"

#include "kernels/bf16.h"

struct sn_phase sn_phase_of(int phase, const struct sn_stage *s, int pad)
{
    const int k = s->window.k, stride = s->window.stride;
    const int first = (phase + pad) % stride;
    const int taps = first < k ? (k - first - 1) / stride + 1 : 0;
    return (struct sn_phase){first, taps,
                             (phase + pad - first) / stride - taps + 1};
}

int sn_turned_ld(const struct sn_stage *s)
{
    return (s->in->c + SN_LANES - 1) / SN_LANES * SN_LANES;
}

size_t sn_turned_values(const struct sn_stage *s)
{
    const size_t taps = (size_t)s->window.k * (size_t)s->window.k;
    const size_t turned = taps * (size_t)s->out->c * (size_t)sn_turned_ld(s);
    const size_t packed =
        s->pairs ? (taps * (size_t)s->in->c + 1) / 2 * (size_t)s->out->ld : 0;
    return turned > packed ? turned : packed;
}

/* Taps of the phases before (ph, pw). */
static int taps_before(const struct sn_stage *s, int ph, int pw)
{
    const struct sn_window *w = &s->window;
    int taps = 0;
    for (int ip = 0; ip < ph * w->stride + pw; ip++)
        taps += sn_phase_of(ip / w->stride, s, w->top).taps *
                sn_phase_of(ip % w->stride, s, w->left).taps;
    return taps;
}

const void *sn_turned_at(const struct sn_stage *s, int ph, int pw)
{
    const ptrdiff_t cout = s->pairs ? (s->out->c + 1) / 2 : s->out->c;
    /* a word takes as much as a float */
    return (const sn_real *)s->turned +
           taps_before(s, ph, pw) * cout * sn_turned_ld(s);
}

/* Which of the turned taps tap (jh, jw) becomes. */
static int turned_tap(const struct sn_stage *s, int jh, int jw)
{
    const struct sn_window *w = &s->window;
    const int stride = w->stride;
    /* phase + pad = jh modulo stride */
    const int ph = (jh + stride * w->top - w->top) % stride;
    const int pw = (jw + stride * w->left - w->left) % stride;
    const struct sn_phase h = sn_phase_of(ph, s, w->top);
    const struct sn_phase v = sn_phase_of(pw, s, w->left);
    const int ih = h.taps - 1 - (jh - h.first) / stride;
    const int iw = v.taps - 1 - (jw - v.first) / stride;
    return taps_before(s, ph, pw) + ih * v.taps + iw;
}

/* Row ir of the weight, column ic, as the passes read it; 0 beyond. */
static sn_real masked_at(const struct sn_stage *s, int ir, int ic)
{
    const int rows = s->window.k * s->window.k * s->in->c;
    if (ir >= rows || ic >= s->out->c)
        return 0;
    const sn_real w = s->weight.w[(ptrdiff_t)ir * s->weight.ld + ic];
    return s->mask ? s->mask[ir] * w : w;
}

static void put_word(void *words, ptrdiff_t at, sn_real first, sn_real second)
{
    sn_bf16 *word = (sn_bf16 *)words + 2 * at;
    word[0] = sn_bf16_round((float)first);
    word[1] = sn_bf16_round((float)second);
}

void sn_pack(const struct sn_stage *s)
{
    const int rows = s->window.k * s->window.k * s->in->c;
#pragma omp parallel for schedule(static)
    for (int ir = 0; ir < (rows + 1) / 2; ir++)
        for (int ic = 0; ic < s->out->c; ic++)
            put_word(s->packed, (ptrdiff_t)ir * s->out->ld + ic,
                     masked_at(s, 2 * ir, ic), masked_at(s, 2 * ir + 1, ic));
}

static void turn_pairs(const struct sn_stage *s)
{
    const int k = s->window.k, cin = s->in->c, words = (s->out->c + 1) / 2;
    const int ld = sn_turned_ld(s);
#pragma omp parallel for schedule(static)
    for (int ir = 0; ir < k * k * words; ir++) {
        const int tap = ir / words, out = 2 * (ir % words);
        const int row = turned_tap(s, tap / k, tap % k) * words + ir % words;
        for (int ic = 0; ic < cin; ic++)
            put_word(s->turned, (ptrdiff_t)row * ld + ic,
                     masked_at(s, tap * cin + ic, out),
                     masked_at(s, tap * cin + ic, out + 1));
    }
}

void sn_turn(const struct sn_stage *s)
{
    const int k = s->window.k, cin = s->in->c, cout = s->out->c;
    const int ld = sn_turned_ld(s);
    if (s->pairs) {
        turn_pairs(s);
        return;
    }
#pragma omp parallel for schedule(static)
    for (int ir = 0; ir < k * k * cout; ir++) {
        const int tap = ir / cout, out = ir % cout;
        const int row = turned_tap(s, tap / k, tap % k) * cout + out;
        for (int ic = 0; ic < cin; ic++)
            ((sn_real *)s->turned)[(ptrdiff_t)row * ld + ic] =
                masked_at(s, tap * cin + ic, out);
    }
}
