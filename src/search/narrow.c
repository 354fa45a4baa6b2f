/* Patterns read, matched and taken out of a stage's offers; see narrow.h.
 *
 * A block's offers are a product: ops, and per op kernels times expansions.
 * Combinations are struck out one by one; an expansion, kernel or op that has
 * none left goes, and what is struck out of the product that remains stays
 * barred. */

#include "search/narrow.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { PATTERNS = 32, PATTERN_TEXT = 64 };

struct pattern {
    int op;   /* sn_block_op, -1: any */
    int k, e; /* 0: any */
    int depth;
};

/* The lists of one rule. */
struct rule {
    const char *text;
    int blocks, depths;
    struct pattern block[PATTERNS], depth[PATTERNS];
};

/* Combinations of a block that are struck out. */
struct strike {
    bool out[SN_OP_COUNT][SN_MAX_CHOICES][SN_MAX_CHOICES];
};

/* ---- reading ---- */

static bool read_number(const char *digits, int *value)
{
    const size_t n = strspn(digits, "0123456789");
    if (n < 1 || n > 4 || digits[n] || *digits == '0')
        return false;
    *value = 0;
    for (size_t i = 0; i < n; i++)
        *value = 10 * *value + (digits[i] - '0');
    return true;
}

/* One word; false when it is none, or the second of its kind. */
static bool read_word(struct pattern *p, const char *word)
{
    for (int op = 0; op < SN_OP_COUNT; op++)
        if (strcmp(word, sn_block_op_name((sn_block_op)op)) == 0) {
            const bool first = p->op < 0;
            p->op = op;
            return first;
        }
    int *field = *word == 'k'   ? &p->k
                 : *word == 'e' ? &p->e
                 : *word == 'd' ? &p->depth
                                : NULL;
    return field && *field == 0 && read_number(word + 1, field);
}

/* One pattern, its words with blanks between them. */
static bool read_pattern(struct pattern *p, const char *text, size_t length)
{
    char word[PATTERN_TEXT];
    size_t at = 0, words = 0;
    *p = (struct pattern){.op = -1};
    while (at < length) {
        size_t n = 0;
        while (at + n < length && text[at + n] != ' ' && text[at + n] != '\t')
            n++;
        if (n >= sizeof word)
            return false;
        memcpy(word, text + at, n);
        word[n] = '\0';
        if (n > 0 && !read_word(p, word))
            return false;
        words += n > 0;
        at += n + 1;
    }
    return words > 0 && (p->depth == 0 || words == 1);
}

static sn_status read_rule(struct rule *r, const char *text,
                           struct sn_error *err)
{
    *r = (struct rule){.text = text};
    while (*text) {
        const size_t n = strcspn(text, ",");
        struct pattern p;
        if (!read_pattern(&p, text, n))
            return sn_fail(err, SN_ERR_CONFIG,
                           "'%.*s' is no pattern; expected words of the arch "
                           "text, such as fused, ibn e6, ibn k3 e6, or d2",
                           n < 40 ? (int)n : 40, text);
        if (r->blocks + r->depths == PATTERNS)
            return sn_fail(err, SN_ERR_CONFIG, "more than %d patterns",
                           PATTERNS);
        if (p.depth)
            r->depth[r->depths++] = p;
        else
            r->block[r->blocks++] = p;
        text += n + (text[n] == ',');
    }
    return SN_OK;
}

/* ---- matching ---- */

static bool matches(const struct rule *r, struct sn_block b)
{
    for (int i = 0; i < r->blocks; i++) {
        const struct pattern *p = &r->block[i];
        if ((p->op < 0 || p->op == (int)b.op) && (!p->k || p->k == b.k) &&
            (!p->e || p->e == b.e))
            return true;
    }
    return false;
}

static bool matches_depth(const struct rule *r, int depth)
{
    for (int i = 0; i < r->depths; i++)
        if (r->depth[i].depth == depth)
            return true;
    return false;
}

/* Strikes out what a rule is against; gives how many are left. */
static int strike_out(struct strike *s, const struct sn_block_space *b,
                      const struct rule *r, bool keeps)
{
    int left = 0;
    for (int i = 0; i < b->n_op; i++) {
        const sn_block_op op = b->op[i];
        const struct sn_op_space *of = &b->of[op];
        for (int ik = 0; ik < of->n_k; ik++)
            for (int ie = 0; ie < of->n_e; ie++) {
                const struct sn_block x = {op, of->k[ik], of->e[ie]};
                bool *out = &s->out[op][ik][ie];
                *out =
                    *out || matches(r, x) != keeps || !sn_op_offers(of, ik, ie);
                left += !*out;
            }
    }
    return left;
}

/* ---- what remains ---- */

/* Kernels and expansions without a combination go; 0 when none is left. */
static int shrink_op(struct sn_op_space *of,
                     bool out[SN_MAX_CHOICES][SN_MAX_CHOICES])
{
    const struct sn_op_space old = *of;
    bool has_k[SN_MAX_CHOICES] = {false}, has_e[SN_MAX_CHOICES] = {false};
    for (int ik = 0; ik < old.n_k; ik++)
        for (int ie = 0; ie < old.n_e; ie++)
            if (!out[ik][ie])
                has_k[ik] = has_e[ie] = true;
    *of = (struct sn_op_space){0};
    for (int ik = 0; ik < old.n_k; ik++) {
        if (!has_k[ik])
            continue;
        of->k[of->n_k] = old.k[ik];
        of->n_e = 0;
        for (int ie = 0; ie < old.n_e; ie++)
            if (has_e[ie]) {
                of->e[of->n_e] = old.e[ie];
                if (out[ik][ie])
                    of->barred[of->n_k] |= 1U << of->n_e;
                of->n_e++;
            }
        of->n_k++;
    }
    return of->n_k;
}

static void shrink_block(struct sn_block_space *b, struct strike *s)
{
    const struct sn_block_space old = *b;
    b->n_op = 0;
    for (int i = 0; i < old.n_op; i++) {
        const sn_block_op op = old.op[i];
        if (shrink_op(&b->of[op], s->out[op]))
            b->op[b->n_op++] = op;
    }
}

/* ---- rules on a stage ---- */

/* Depths that are left by a rule, and how many. */
static int narrow_depth(struct sn_stage_space *s, const struct rule *r,
                        bool keeps)
{
    int n = 0;
    for (int i = 0; i < s->n_depth; i++)
        if (matches_depth(r, s->depth[i]) == keeps)
            s->depth[n++] = s->depth[i];
    s->n_depth = n;
    return n;
}

static sn_status nothing_left(const struct rule *r, const char *what,
                              struct sn_error *err)
{
    return sn_fail(err, SN_ERR_CONFIG,
                   "'%s' leaves no %s of those that are offered", r->text,
                   what);
}

/* `pins`: one option must be left. */
static sn_status narrow_blocks(struct sn_stage_space *s, int first, int next,
                               const struct rule *r, bool keeps, bool pins,
                               struct sn_error *err)
{
    for (int ib = first; ib < next; ib++) {
        struct strike strike = {0};
        const int left = strike_out(&strike, &s->block[ib], r, keeps);
        if (left == 0)
            return nothing_left(r, "option", err);
        if (pins && left > 1)
            return sn_fail(err, SN_ERR_CONFIG,
                           "'%s' leaves %d options; expected exactly one",
                           r->text, left);
        shrink_block(&s->block[ib], &strike);
    }
    return SN_OK;
}

static sn_status apply(struct sn_stage_space *s, int ib, const char *text,
                       bool keeps, bool pins, struct sn_error *err)
{
    struct rule r;
    const int all = s->depth[s->n_depth - 1];
    SN_TRY(read_rule(&r, text, err));
    if (r.depths && ib >= 0)
        return sn_fail(err, SN_ERR_CONFIG,
                       "'%s': a depth is the stage's; expected it there", text);
    if (r.blocks)
        SN_TRY(narrow_blocks(s, ib < 0 ? 0 : ib, ib < 0 ? all : ib + 1, &r,
                             keeps, pins, err));
    if (r.depths && narrow_depth(s, &r, keeps) == 0)
        return nothing_left(&r, "depth", err);
    if (r.depths && pins && s->n_depth > 1)
        return sn_fail(err, SN_ERR_CONFIG,
                       "'%s' leaves %d depths; expected exactly one", text,
                       s->n_depth);
    return SN_OK;
}

sn_status sn_narrow_stage(struct sn_stage_space *stage, int ib,
                          const struct sn_rules *rules, const char **key,
                          struct sn_error *err)
{
    /* `forbid` first: it may be what leaves one option to pin */
    const struct {
        const char *key, *text;
        bool keeps, pins;
    } all[] = {{"forbid", rules->forbid, false, false},
               {"only", rules->only, true, false},
               {"pin", rules->pin, true, true}};
    struct sn_stage_space narrowed = *stage;
    if (ib >= stage->depth[stage->n_depth - 1]) {
        *key = NULL;
        return sn_fail(err, SN_ERR_CONFIG,
                       "there is no such block; the stage has at most %d",
                       stage->depth[stage->n_depth - 1]);
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        *key = all[i].key;
        if (all[i].text[0])
            SN_TRY(apply(&narrowed, ib, all[i].text, all[i].keeps, all[i].pins,
                         err));
    }
    *stage = narrowed;
    return SN_OK;
}
