/* Batch-norm statistics taken anew, and evaluation with them.
 *
 * No running averages are kept while training (METHOD 1.6, 4.3): before a net
 * is evaluated its statistics are taken on training images as they are. */

#include <string.h>

#include "train/trainer.h"

static struct sn_loss *load(struct sn_graph *graph, struct sn_loader *loader,
                            int ib, int *labels, int *images)
{
    struct sn_tensor *x = sn_graph_first(graph);
    struct sn_loss *loss = sn_graph_last(graph);
    loader->size = x->h;
    *images = sn_loader_batch(loader, 0, ib, x->y, labels);
    loss->labels = labels;
    return loss;
}

void sn_calibrate(struct sn_supernet *net, struct sn_graph *graph,
                  struct sn_loader *loader, int images, int *labels)
{
    SN_CHECK(graph->batch == loader->batch && !loader->shuffle);
    sn_params_zero_stats(&net->params);
    int batches = images / loader->batch;
    if (batches > loader->n / loader->batch)
        batches = loader->n / loader->batch;
    if (batches < 1)
        batches = 1;
    for (int ib = 0; ib < batches; ib++) {
        int got;
        load(graph, loader, ib, labels, &got);
        SN_CHECK(got == graph->batch);
        sn_graph_fwd(graph, SN_MODE_CALIBRATE);
    }
}

/* What a net says of one image. */
static void count(struct sn_eval *e, double loss, int guess, int label,
                  int classes, long *matrix)
{
    e->loss += loss;
    e->correct += guess == label;
    e->images++;
    if (matrix)
        matrix[(ptrdiff_t)label * classes + guess]++;
}

static void finish(struct sn_eval *e)
{
    e->loss /= e->images;
    e->accuracy = (double)e->correct / e->images;
}

/* Images are independent here: what lies behind a ragged last batch is left
 * from the one before and not counted. */
void sn_evaluate(struct sn_eval *e, struct sn_graph *graph,
                 struct sn_loader *loader, int *labels, long *matrix)
{
    SN_CHECK(graph->batch == loader->batch);
    const int batches = sn_loader_batches(loader);
    *e = (struct sn_eval){0};
    memset(labels, 0, (size_t)loader->batch * sizeof *labels);
    for (int ib = 0; ib < batches; ib++) {
        int got;
        const struct sn_loss *loss = load(graph, loader, ib, labels, &got);
        sn_graph_fwd(graph, SN_MODE_EVAL);
        for (int in = 0; in < got; in++)
            count(e, loss->each[in], loss->guess[in], labels[in], loss->in->c,
                  matrix);
    }
    finish(e);
}

void sn_evaluate_infer(struct sn_eval *e, struct sn_infer *net,
                       struct sn_loader *loader, int *labels, long *matrix)
{
    const struct sn_tensor *logits = sn_infer_logits(net);
    SN_CHECK(net->input.n == loader->batch);
    const int batches = sn_loader_batches(loader);
    *e = (struct sn_eval){0};
    loader->size = net->input.h;
    for (int ib = 0; ib < batches; ib++) {
        const int got = sn_loader_batch(loader, 0, ib, net->input.y, labels);
        sn_infer_run(net);
        for (int in = 0; in < got; in++) {
            int guess;
            const double loss =
                sn_cross_entropy(logits->y + (ptrdiff_t)in * logits->ld,
                                 logits->c, labels[in], &guess);
            count(e, loss, guess, labels[in], logits->c, matrix);
        }
    }
    finish(e);
}
