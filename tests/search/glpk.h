#ifndef SN_TESTS_SEARCH_GLPK_H
#define SN_TESTS_SEARCH_GLPK_H

/* The derivation as an integer programme, for `glpsol` to solve. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "search/derive.h"

/* The derivation as an integer programme in MathProg: y[s,i] picks a depth,
 * x[s,b,j] an option of a block, present iff a depth that reaches it is. */
static inline void write_model(FILE *f, const struct sn_space *space,
                               const struct sn_decisions *d,
                               const struct sn_cost_table *t,
                               const double *value,
                               const struct sn_budget *budget)
{
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        for (int i = 0; i < s->n_depth; i++)
            fprintf(f, "var y_%d_%d, binary;\n", is, i);
        for (int ib = 0; ib < s->depth[s->n_depth - 1]; ib++)
            for (int io = 0; io < s->block[ib].n_op; io++) {
                const struct sn_op_space *of =
                    &s->block[ib].of[s->block[ib].op[io]];
                for (int j = 0; j < of->n_k * of->n_e; j++)
                    fprintf(f, "var x_%d_%d_%d_%d, binary;\n", is, ib, io, j);
            }
    }
    for (int pass = 0; pass <= SN_BUDGETS_ADDED; pass++) { /* 0: worth */
        const sn_budget_kind kind = (sn_budget_kind)(pass - 1);
        if (pass > 0 && !sn_budget_has(budget, kind))
            continue;
        if (pass == 0)
            fprintf(f, "maximize worth: 0");
        else
            fprintf(f, "s.t. %s: %.17g", sn_budget_name(kind),
                    sn_cost_of(&t->fixed, kind));
        for (int is = 0; is < space->n_stages; is++) {
            const struct sn_stage_space *s = &space->stage[is];
            for (int i = 0; i < s->n_depth && pass == 0; i++)
                fprintf(f, " + (%.17g) * y_%d_%d",
                        value[d->item[d->depth[is]].first + i], is, i);
            for (int ib = 0; ib < s->depth[s->n_depth - 1]; ib++)
                for (int io = 0; io < s->block[ib].n_op; io++) {
                    const sn_block_op op = s->block[ib].op[io];
                    const struct sn_op_space *of = &s->block[ib].of[op];
                    const double *v_op =
                        value + d->item[d->op[is][ib]].first + io;
                    const double *v_k = value + d->item[d->k[is][ib][op]].first;
                    const double *v_e = value + d->item[d->e[is][ib][op]].first;
                    for (int j = 0; j < of->n_k * of->n_e; j++) {
                        const int ik = j / of->n_e, ie = j % of->n_e;
                        fprintf(f, " + (%.17g) * x_%d_%d_%d_%d",
                                pass ? sn_cost_of(&t->block[is][ib][op][ik][ie],
                                                  kind)
                                     : *v_op + v_k[ik] + v_e[ie],
                                is, ib, io, j);
                    }
                }
        }
        if (pass == 0)
            fprintf(f, ";\n");
        else
            fprintf(f, " <= %.17g;\n", budget->limit[kind]);
    }
    for (int is = 0; is < space->n_stages; is++) {
        const struct sn_stage_space *s = &space->stage[is];
        fprintf(f, "s.t. one_%d: 0", is);
        for (int i = 0; i < s->n_depth; i++)
            fprintf(f, " + y_%d_%d", is, i);
        fprintf(f, " = 1;\n");
        for (int ib = 0; ib < s->depth[s->n_depth - 1]; ib++) {
            fprintf(f, "s.t. some_%d_%d: 0", is, ib);
            for (int io = 0; io < s->block[ib].n_op; io++) {
                const struct sn_op_space *of =
                    &s->block[ib].of[s->block[ib].op[io]];
                for (int j = 0; j < of->n_k * of->n_e; j++)
                    fprintf(f, " + x_%d_%d_%d_%d", is, ib, io, j);
            }
            fprintf(f, " = 0");
            for (int i = 0; i < s->n_depth; i++)
                if (s->depth[i] > ib)
                    fprintf(f, " + y_%d_%d", is, i);
            fprintf(f, ";\n");
        }
    }
    fprintf(f, "solve;\nprintf \"worth %%.9f\\n\", worth;\nend;\n");
}

static inline bool glpk_is_there(void)
{
    return system("glpsol --version >/dev/null 2>&1") == 0;
}

/* The worth of the best net, as GLPK finds it. */
static inline double glpk_worth(const struct sn_space *space,
                                const struct sn_decisions *d,
                                const struct sn_cost_table *t,
                                const double *value,
                                const struct sn_budget *budget)
{
    char command[1024], line[256];
    double worth = NAN;
    const char *model = check_path("model.mod");
    FILE *f = fopen(model, "w");
    assert_non_null(f);
    write_model(f, space, d, t, value, budget);
    assert_int_equal(fclose(f), 0);
    snprintf(command, sizeof command, "glpsol --math '%s' --tmlim 10", model);
    f = popen(command, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        (void)sscanf(line, "worth %lf", &worth);
    pclose(f);
    return worth;
}

#endif
