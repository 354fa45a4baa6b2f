/* The text form of an architecture (DESIGN 8), written and read.
 *
 * The reader takes one line after the other and knows at each place which
 * lines may come; whatever else stands there is the error, told as what was
 * found and what was expected.  Numbers have one spelling (no sign, no leading
 * zero) and every line ends in a newline, so what is accepted is exactly what
 * the writer writes, and a file cut short is always noticed. */

#include "search/arch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Product of all strides: at most SN_MAX_STRIDE ^ (1 + SN_MAX_STAGES). */
static long long output_stride(const struct sn_arch *arch)
{
    long long stride = arch->stem_stride;
    for (int is = 0; is < arch->n_stages; is++)
        stride *= arch->stage[is].stride;
    return stride;
}

/* ---- writing ---- */

struct writer {
    char *buf;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *out,
                                                      const char *fmt, ...)
{
    const size_t room = out->size - out->used;
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(out->buf + out->used, room, fmt, args);
    va_end(args);
    SN_CHECK(n >= 0);
    out->used += (size_t)n < room ? (size_t)n : room - 1;
}

const char *sn_block_text(char buf[SN_BLOCK_TEXT], struct sn_block block)
{
    const int n = snprintf(buf, SN_BLOCK_TEXT, "%s k%d",
                           sn_block_op_name(block.op), block.k);
    if (block.op != SN_OP_CONV)
        snprintf(buf + n, SN_BLOCK_TEXT - (size_t)n, " e%d", block.e);
    return buf;
}

static void put_stages(struct writer *out, const struct sn_arch *arch)
{
    for (int is = 0; is < arch->n_stages; is++) {
        const struct sn_arch_stage *s = &arch->stage[is];
        char block[SN_BLOCK_TEXT];
        put(out, "stage.%d = w%d s%d\n", is + 1, s->width, s->stride);
        for (int ib = 0; ib < s->depth; ib++)
            put(out, "stage.%d.block.%d = %s\n", is + 1, ib + 1,
                sn_block_text(block, s->block[ib]));
    }
}

char *sn_arch_text(const struct sn_arch *arch)
{
    enum { LINE = 64, LINES = 8 + SN_MAX_STAGES * (1 + SN_MAX_DEPTH) };
    struct writer out = {.buf = malloc(LINE * LINES), .size = LINE * LINES};
    char multiplier[SN_THOUSANDTHS_TEXT];
    if (!out.buf)
        return NULL;
    SN_CHECK(sn_act_name(arch->act));
    put(&out, "supernet-arch 1\n");
    put(&out, "input = %dx%dx%d\n", arch->h, arch->w, arch->c);
    put(&out, "classes = %d\n", arch->classes);
    put(&out, "multiplier = %s\n",
        sn_text_thousandths(multiplier,
                            arch->multiplier ? arch->multiplier : 1000));
    put(&out, "output_stride = %lld\n", output_stride(arch));
    put(&out, "act = %s\n", sn_act_name(arch->act));
    put(&out, "stem = %d k3 s%d\n", arch->stem, arch->stem_stride);
    put_stages(&out, arch);
    if (arch->head)
        put(&out, "head = %d\n", arch->head);
    else
        put(&out, "head = none\n");
    return out.buf;
}

void sn_arch_summary(const struct sn_arch *arch, char *buf, size_t size)
{
    SN_CHECK(size > 0);
    struct writer out = {.buf = buf, .size = size};
    put(&out, "stem%d", arch->stem);
    for (int is = 0; is < arch->n_stages; is++)
        for (int ib = 0; ib < arch->stage[is].depth; ib++) {
            const struct sn_block b = arch->stage[is].block[ib];
            put(&out, "%s%s", ib ? ", " : " | ", sn_block_op_name(b.op));
            if (b.k != 3)
                put(&out, " k%d", b.k);
            if (b.op != SN_OP_CONV)
                put(&out, " e%d", b.e);
        }
    if (arch->head)
        put(&out, " | head%d", arch->head);
}

/* ---- reading ---- */

struct reader {
    const char *name;
    const char *line; /* the current one, up to its newline */
    const char *at;   /* what of it is not read yet */
    int number;       /* of the current line, from 1 */
    struct sn_error *err;
};

static bool take(struct reader *in, const char *word)
{
    const size_t n = strlen(word);
    if (strncmp(in->at, word, n) != 0)
        return false;
    in->at += n;
    return true;
}

/* A decimal in [lowest, highest] in its one spelling. */
static bool take_number(struct reader *in, long long lowest, long long highest,
                        long long *value)
{
    const char *p = in->at;
    long long v = 0;
    if (*p < '1' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        v = 10 * v + (*p - '0');
        if (v > highest)
            return false;
    }
    if (v < lowest)
        return false;
    in->at = p;
    *value = v;
    return true;
}

static bool take_int(struct reader *in, int lowest, int highest, int *value)
{
    long long v;
    if (!take_number(in, lowest, highest, &v))
        return false;
    *value = (int)v;
    return true;
}

/* `key = ` where the key is made of a pattern and numbers. */
__attribute__((format(printf, 2, 3))) static bool take_key(struct reader *in,
                                                           const char *fmt, ...)
{
    char key[64];
    va_list args;
    va_start(args, fmt);
    vsnprintf(key, sizeof key, fmt, args);
    va_end(args);
    const char *start = in->at;
    if (take(in, key) && take(in, " = "))
        return true;
    in->at = start;
    return false;
}

/* The current line is not what was expected.  It is quoted, cut to a readable
 * length, with every byte that a terminal might act on as `?`. */
__attribute__((format(printf, 2, 3))) static sn_status
unexpected(const struct reader *in, const char *fmt, ...)
{
    char found[72], expected[256];
    const size_t length = strcspn(in->line, "\n");
    const size_t n = length < 60 ? length : 60;
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)in->line[i];
        found[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
    snprintf(found + n, sizeof found - n, "%s", n < length ? "..." : "");
    va_list args;
    va_start(args, fmt);
    vsnprintf(expected, sizeof expected, fmt, args);
    va_end(args);
    if (length == 0 && in->line[0] == '\0')
        return sn_fail(in->err, SN_ERR_CONFIG,
                       "%s:%d: found the end of the text, expected %s",
                       in->name, in->number, expected);
    return sn_fail(in->err, SN_ERR_CONFIG, "%s:%d: found `%s`%s, expected %s",
                   in->name, in->number, found,
                   in->line[length] ? "" : " and no end of line", expected);
}

/* Leaves the current line, which must be read to its end. */
static bool end_line(struct reader *in)
{
    if (*in->at != '\n')
        return false;
    in->line = ++in->at;
    in->number++;
    return true;
}

static sn_status read_input(struct reader *in, struct sn_arch *arch)
{
    if (!(take_key(in, "input") && take_int(in, 1, SN_MAX_SIDE, &arch->h) &&
          take(in, "x") && take_int(in, 1, SN_MAX_SIDE, &arch->w) &&
          take(in, "x") && take_int(in, 1, SN_MAX_WIDTH, &arch->c) &&
          end_line(in)))
        return unexpected(in,
                          "`input = HxWxC` with sides 1..%d, channels 1..%d",
                          SN_MAX_SIDE, SN_MAX_WIDTH);
    return SN_OK;
}

static sn_status read_act(struct reader *in, struct sn_arch *arch)
{
    if (take_key(in, "act")) {
        const char *start = in->at;
        for (int act = SN_ACT_RELU; act <= SN_ACT_HSWISH; act++) {
            arch->act = (sn_act)act;
            in->at = start;
            if (take(in, sn_act_name(arch->act)) && end_line(in))
                return SN_OK;
        }
    }
    return unexpected(in, "`act = relu`, `act = relu6` or `act = hswish`");
}

/* A decimal in its one spelling. */
static bool take_multiplier(struct reader *in, struct sn_arch *arch)
{
    char word[SN_THOUSANDTHS_TEXT], again[SN_THOUSANDTHS_TEXT];
    const size_t n = strcspn(in->at, "\n");
    int m;
    if (n >= sizeof word)
        return false;
    memcpy(word, in->at, n);
    word[n] = '\0';
    if (!sn_text_read_thousandths(word, &m) || m < SN_LEAST_MULTIPLIER ||
        m > SN_MAX_MULTIPLIER ||
        strcmp(sn_text_thousandths(again, m), word) != 0)
        return false;
    arch->multiplier = m == 1000 ? 0 : m;
    in->at += n;
    return true;
}

/* The lines in front of the first stage. */
static sn_status read_frame(struct reader *in, struct sn_arch *arch,
                            long long *stride)
{
    const long long stride_max = 1LL
                                 << 40; /* refused later, with the product */
    if (!(take(in, "supernet-arch 1") && end_line(in)))
        return unexpected(in, "`supernet-arch 1`");
    SN_TRY(read_input(in, arch));
    if (!(take_key(in, "classes") &&
          take_int(in, 2, SN_MAX_CLASSES, &arch->classes) && end_line(in)))
        return unexpected(in, "`classes = N` with N in 2..%d", SN_MAX_CLASSES);
    if (!(take_key(in, "multiplier") && take_multiplier(in, arch) &&
          end_line(in)))
        return unexpected(in, "`multiplier = M` with M in 0.01..4, as in 0.75");
    if (!(take_key(in, "output_stride") &&
          take_number(in, 1, stride_max, stride) && end_line(in)))
        return unexpected(in,
                          "`output_stride = N`, the product of all strides");
    SN_TRY(read_act(in, arch));
    if (!(take_key(in, "stem") && take_int(in, 1, SN_MAX_WIDTH, &arch->stem) &&
          take(in, " k3 s") &&
          take_int(in, 1, SN_MAX_STRIDE, &arch->stem_stride) && end_line(in)))
        return unexpected(in, "`stem = W k3 sS` with W in 1..%d, S in 1..%d",
                          SN_MAX_WIDTH, SN_MAX_STRIDE);
    return SN_OK;
}

/* What follows `stage.N.block.M = `. */
static sn_status read_block(struct reader *in, struct sn_block *block)
{
    static const int least[SN_OP_COUNT] = {[SN_OP_IBN] = 1, [SN_OP_FUSED] = 2};
    int op = 0;
    while (op < SN_OP_COUNT && !take(in, sn_block_op_name((sn_block_op)op)))
        op++;
    block->op = (sn_block_op)op;
    block->e = 1;
    if (op < SN_OP_COUNT && take(in, " k") &&
        take_int(in, 1, SN_MAX_KERNEL, &block->k) && block->k % 2 == 1 &&
        (block->op == SN_OP_CONV ||
         (take(in, " e") &&
          take_int(in, least[op], SN_MAX_EXPANSION, &block->e))) &&
        end_line(in))
        return SN_OK;
    return unexpected(in,
                      "`ibn kK eE`, `fused kK eE` or `conv kK` with K odd in "
                      "1..%d, E in 1..%d (fused: from 2)",
                      SN_MAX_KERNEL, SN_MAX_EXPANSION);
}

/* A stage with its blocks; the line in front is read. */
static sn_status read_stage(struct reader *in, struct sn_arch_stage *s,
                            int number)
{
    if (!(take_key(in, "stage.%d", number) && take(in, "w") &&
          take_int(in, 1, SN_MAX_WIDTH, &s->width) && take(in, " s") &&
          take_int(in, 1, SN_MAX_STRIDE, &s->stride) && end_line(in)))
        return unexpected(in, "`stage.%d = wW sS` with W in 1..%d, S in 1..%d",
                          number, SN_MAX_WIDTH, SN_MAX_STRIDE);
    while (s->depth < SN_MAX_DEPTH &&
           take_key(in, "stage.%d.block.%d", number, s->depth + 1)) {
        SN_TRY(read_block(in, &s->block[s->depth]));
        s->depth++;
    }
    if (s->depth == 0)
        return unexpected(in, "`stage.%d.block.1 = ...`", number);
    return SN_OK;
}

/* The stages up to the head. */
static sn_status read_stages(struct reader *in, struct sn_arch *arch)
{
    SN_TRY(read_stage(in, &arch->stage[arch->n_stages++], 1));
    while (strncmp(in->at, "head", 4) != 0) {
        const int last = arch->n_stages;
        const int depth = arch->stage[last - 1].depth;
        char next[8 + 16];
        snprintf(next, sizeof next, "stage.%d = ", last + 1);
        if (last == SN_MAX_STAGES || strncmp(in->at, next, strlen(next)) != 0) {
            char more[96] = "";
            if (depth < SN_MAX_DEPTH)
                snprintf(more, sizeof more, "`stage.%d.block.%d = ...`, ", last,
                         depth + 1);
            if (last < SN_MAX_STAGES)
                snprintf(more + strlen(more), sizeof more - strlen(more),
                         "`%s...` or ", next);
            return unexpected(in, "%s`head = ...`", more);
        }
        SN_TRY(read_stage(in, &arch->stage[arch->n_stages++], last + 1));
    }
    return SN_OK;
}

static sn_status read_head(struct reader *in, struct sn_arch *arch)
{
    if (!(take_key(in, "head") &&
          (take(in, "none") || take_int(in, 1, SN_MAX_WIDTH, &arch->head)) &&
          end_line(in)))
        return unexpected(in, "`head = W` with W in 1..%d, or `head = none`",
                          SN_MAX_WIDTH);
    if (*in->at)
        return unexpected(in, "nothing after `head`");
    return SN_OK;
}

sn_status sn_arch_parse(struct sn_arch *arch, const char *text,
                        const char *name, struct sn_error *err)
{
    enum { STRIDE_LINE = 5 };
    struct reader in = {
        .name = name, .line = text, .at = text, .number = 1, .err = err};
    struct sn_arch found = {0};
    long long stride = 0;
    SN_TRY(read_frame(&in, &found, &stride));
    SN_TRY(read_stages(&in, &found));
    SN_TRY(read_head(&in, &found));
    if (stride != output_stride(&found))
        return sn_fail(err, SN_ERR_CONFIG,
                       "%s:%d: found `output_stride = %lld`, expected %lld, "
                       "the product of all strides",
                       name, STRIDE_LINE, stride, output_stride(&found));
    *arch = found;
    return SN_OK;
}
