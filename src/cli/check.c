/* supernet check: the plan of a job, without training. */

#include <jansson.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "job/job.h"
#include "job/plan.h"

struct check {
    struct sn_job_config config;
    struct sn_dataset data;
    struct sn_split split;
    struct sn_job_plan plan;
    bool feasible;
};

/* ---- the table of blocks ---- */

static void option_row(struct sn_text *t, const char *block, const char *shape,
                       const char *option, const struct sn_cost *c)
{
    char time[SN_QUANTITY_TEXT], macs[SN_QUANTITY_TEXT];
    char weights[SN_QUANTITY_TEXT], peak[SN_QUANTITY_TEXT];
    sn_text_add(t, "%-16s %-11s %-13s %8s %8s %8s %8s\n", block, shape, option,
                sn_text_time(time, sizeof time, c->seconds),
                sn_text_count(macs, sizeof macs, c->macs),
                sn_text_bytes(weights, sizeof weights, c->weights),
                sn_text_bytes(peak, sizeof peak, c->activations));
}

/* One row for each option of a block; a star marks the baseline's. */
static void block_rows(struct sn_text *t, const struct sn_job_plan *p, int is,
                       int ib)
{
    const struct sn_block_space *b = &p->space.stage[is].block[ib];
    char name[48], shape[48], option[48], text[SN_BLOCK_TEXT];
    snprintf(name, sizeof name, "stage.%d.block.%d", is + 1, ib + 1);
    for (int i = 0; i < b->n_op; i++) {
        const sn_block_op op = b->op[i];
        const struct sn_op_space *of = &b->of[op];
        for (int j = 0; j < of->n_k * of->n_e; j++) {
            const int ik = j / of->n_e, ie = j % of->n_e;
            const struct sn_block x = {op, of->k[ik], of->e[ie]};
            const struct sn_block_shape s =
                sn_space_block(&p->space, is, ib, op, x.k, x.e);
            if (!sn_op_offers(of, ik, ie))
                continue;
            snprintf(shape, sizeof shape, "%dx%dx%d", s.h, s.w, s.cin);
            snprintf(option, sizeof option, "%s%s", sn_block_text(text, x),
                     memcmp(&x, &b->star, sizeof x) == 0 ? " *" : "");
            option_row(t, name, shape, option,
                       &p->cost.block[is][ib][op][ik][ie]);
            name[0] = '\0';
        }
    }
}

static void depth_row(struct sn_text *t, const struct sn_stage_space *s, int is)
{
    sn_text_add(t, "stage.%-2d width %d, stride %d, blocks ", is + 1, s->width,
                s->stride);
    for (int i = 0; i < s->n_depth; i++)
        sn_text_add(t, "%s%d%s", i ? ", " : "", s->depth[i],
                    s->n_depth > 1 && s->depth[i] == s->star_depth ? "*" : "");
    sn_text_add(t, "\n");
}

static void add_table(struct sn_text *t, const struct sn_job_plan *p)
{
    char shape[32];
    sn_text_add(t, "%-16s %-11s %-13s %8s %8s %8s %8s\n", "block", "input",
                "option", "latency", "MACs", "weights", "live");
    snprintf(shape, sizeof shape, "%dx%dx%d", p->space.h, p->space.w,
             p->space.c);
    option_row(t, "stem, head, fc", shape, "", &p->cost.fixed);
    for (int is = 0; is < p->space.n_stages; is++) {
        depth_row(t, &p->space.stage[is], is);
        for (int ib = 0; ib < sn_space_max_depth(&p->space, is); ib++)
            block_rows(t, p, is, ib);
    }
}

/* ---- the lines below it ---- */

/* As many names as one line holds. */
static void add_classes(struct sn_text *t, const struct sn_dataset *d)
{
    int column = 13; /* taken so far */
    sn_text_add(t, "%-8s %d: ", "classes", d->classes);
    for (int i = 0; i < d->classes; i++) {
        column += (int)strlen(d->class_name[i]) + 1;
        if (column > (i + 1 < d->classes ? 75 : 79)) {
            sn_text_add(t, " ...");
            break;
        }
        sn_text_add(t, "%s%s", i ? " " : "", d->class_name[i]);
    }
    sn_text_add(t, "\n");
}

static void add_data(struct sn_text *t, const struct check *k)
{
    const struct sn_dataset *d = &k->data;
    const struct sn_split *s = &k->split;
    const int size = k->config.data.size;
    sn_text_add(t, "%-8s %s: %d training images of %dx%dx%d, %d for testing\n",
                "data", d->name, d->train.n, d->train.h, d->train.w, d->train.c,
                d->test.n);
    if (d->found[0])
        sn_text_add(t, "%-8s %s\n", "", d->found);
    if (k->plan.searches && s->n_arch > 0)
        sn_text_add(t, "%-8s search: %d for weights, %d for the architecture\n",
                    "", s->n_weights, s->n_arch);
    sn_text_add(t, "%-8s final training: %d; val: %d; the net sees %dx%d\n", "",
                s->n_full, s->n_val, size, size);
    add_classes(t, d);
}

static void add_range(struct sn_text *t, const struct check *k)
{
    const struct sn_job_plan *p = &k->plan;
    char a[SN_QUANTITY_TEXT], b[SN_QUANTITY_TEXT], c[SN_QUANTITY_TEXT];
    char nets[SN_NETS_TEXT], budget[SN_BUDGET_LINE];
    if (p->searches)
        sn_text_add(t, "%-8s %s nets, latency %s to %s on %s\n", "space",
                    sn_job_plan_nets(nets, p),
                    sn_text_time(a, sizeof a, p->lowest),
                    sn_text_time(b, sizeof b, p->highest),
                    sn_target_name(&k->config.device));
    if (p->stale)
        sn_text_add(t, "%-8s %s\n", "note", sn_job_plan_stale);
    if (p->searches && p->frames.count > 1)
        sn_text_add(t,
                    "%-8s %d, by input, multiplier, output stride and widths; "
                    "the table is the baseline's\n",
                    "frames", p->frames.count);
    if (*p->reach)
        sn_text_add(t, "%-8s %s\n", "note", p->reach);
    sn_text_add(t, "%-8s %s, %s MACs, %s params\n", "baseline",
                sn_text_time(a, sizeof a, p->baseline_cost.seconds),
                sn_text_count(b, sizeof b, p->baseline_cost.macs),
                sn_text_count(c, sizeof c, p->baseline_cost.params));
    if (!p->searches)
        sn_text_add(t, "%-8s %s, %s MACs, %s params\n", "net",
                    sn_text_time(a, sizeof a, p->only_cost.seconds),
                    sn_text_count(b, sizeof b, p->only_cost.macs),
                    sn_text_count(c, sizeof c, p->only_cost.params));
    sn_text_add(t, "%-8s %s%s\n", "budget",
                sn_job_plan_budget(budget, &p->budget),
                !sn_budget_any(&p->budget) ? ""
                : !p->searches             ? ": for the record"
                : k->feasible              ? ": feasible"
                                           : ": INFEASIBLE");
}

static void add_memory(struct sn_text *t, const struct sn_job_plan *p)
{
    char data[SN_QUANTITY_TEXT], search[SN_QUANTITY_TEXT];
    char final[SN_QUANTITY_TEXT], left[SN_QUANTITY_TEXT];
    char again[SN_AGAIN_TEXT], load[SN_QUANTITY_TEXT];
    sn_text_add(t, "%-8s %s\n", "training", sn_job_plan_precision(p));
    sn_text_add(t, "%-8s images %s, loaders %s; %s left\n%-8s ", "memory",
                sn_text_bytes(data, sizeof data, (double)p->data_bytes),
                sn_text_bytes(load, sizeof load, (double)p->loader_bytes),
                sn_text_bytes(left, sizeof left, (double)p->available), "");
    if (p->searches)
        sn_text_add(
            t, "search %s, ",
            sn_text_bytes(search, sizeof search, (double)p->search_bytes));
    sn_text_add(t, "training %s%s\n",
                sn_text_bytes(final, sizeof final, (double)p->final_bytes),
                sn_job_plan_again(again, p));
}

static char *check_json(const struct check *k)
{
    const struct sn_job_plan *p = &k->plan;
    const struct sn_dataset *d = &k->data;
    json_t *o = json_pack(
        "{s:{s:s, s:i, s:i, s:i, s:[i,i,i]}, s:{s:f, s:f, s:f},"
        " s:{s:f, s:I, s:I, s:I, s:I}, s:o, s:b,"
        " s:{s:I, s:I, s:I, s:I, s:I}, s:s, s:b}",
        "data", "set", d->name, "train", d->train.n, "test", d->test.n,
        "classes", d->classes, "shape", d->train.h, d->train.w, d->train.c,
        "space", "nets", sn_space_size(&p->space), "lowest_ms", 1e3 * p->lowest,
        "highest_ms", 1e3 * p->highest, "baseline", "latency_ms",
        1e3 * p->baseline_cost.seconds, "weights_bytes",
        (json_int_t)p->baseline_cost.weights, "peak_activation_bytes",
        (json_int_t)p->baseline_cost.activations, "macs",
        (json_int_t)p->baseline_cost.macs, "params",
        (json_int_t)p->baseline_cost.params, "budget_ms",
        sn_job_plan_target(p) > 0 ? json_real(1e3 * sn_job_plan_target(p))
                                  : json_null(),
        "feasible", k->feasible, "memory_bytes", "data",
        (json_int_t)p->data_bytes, "loaders", (json_int_t)p->loader_bytes,
        "search", (json_int_t)p->search_bytes, "final",
        (json_int_t)p->final_bytes, "available", (json_int_t)p->available,
        "precision", p->bf16 ? "bf16" : "f32", "costs_cached", p->cached);
    char *text =
        o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(o);
    return text;
}

/* ---- the command ---- */

static sn_status open_check(struct check *k, const struct sn_cli *a,
                            struct sn_error *err)
{
    struct sn_job_config *c = &k->config;
    struct sn_kernels kernels;
    SN_TRY(sn_job_config_read(c, a->operand, a->over, a->n_over, err));
    SN_TRY(sn_job_config_follow(c, err));
    const int threads = sn_job_threads(a->threads, &c->run);
    omp_set_num_threads(threads);
    sn_kernels_init(&kernels, a->isa);
    SN_TRY(sn_job_data(&k->data, c, NULL, err));
    SN_TRY(sn_split_make(&k->split, &k->data, c->data.val, sn_job_arch_split(c),
                         c->run.seed, err));
    SN_TRY(sn_job_plan_batches(c, &k->split, err));
    SN_TRY(
        sn_job_plan_costs(&k->plan, c, k->data.train.c, k->data.classes, err));
    return sn_job_plan_memory(&k->plan, c, &k->data, &kernels, threads, 0, err);
}

static sn_status print(const struct check *k, const struct sn_cli *a,
                       struct sn_error *err)
{
    struct sn_text t = {0};
    if (a->json)
        return sn_cli_print_owned(check_json(k), err);
    add_table(&t, &k->plan);
    add_data(&t, k);
    add_range(&t, k);
    add_memory(&t, &k->plan);
    return sn_cli_print_text(&t, err);
}

sn_status sn_cli_check(const struct sn_cli *a, struct sn_error *err)
{
    struct check *k = calloc(1, sizeof *k);
    if (!k)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for a plan");
    sn_status rc = open_check(k, a, err);
    if (rc == SN_OK) {
        struct sn_error why = {0};
        k->feasible = sn_job_plan_feasible(&k->plan, &why) == SN_OK;
        rc = print(k, a, err);
        if (rc == SN_OK && !k->feasible) {
            *err = why;
            rc = why.code;
        }
    }
    if (rc == SN_OK)
        rc = sn_job_plan_fits(&k->plan, &k->config, err);
    sn_split_release(&k->split);
    sn_dataset_release(&k->data);
    sn_job_config_release(&k->config);
    sn_job_plan_release(&k->plan);
    free(k);
    return rc;
}
