/* Checkpoints; see checkpoint.h.
 *
 * The scalars are one text in the metadata, a line each, written and read by
 * walking the same table of fields; the arrays are tensors. */

#include "job/checkpoint.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static const char format[] = "supernet-checkpoint 3";
static const char newest[] = "checkpoint.safetensors";
static const char previous[] = "checkpoint.prev.safetensors";

struct sn_checkpoint_file {
    struct sn_tensor_file file;
};

const char *sn_phase_name(sn_phase phase)
{
    static const char *const names[SN_PHASES] = {"search", "short",    "race",
                                                 "final",  "baseline", "done"};
    return names[phase];
}

/* ---- the scalars ---- */

enum field_type { INT, LONG, SIZE, HASH, REAL, WORD };

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    double least, most; /* INT, LONG */
};

#define AT(member) offsetof(struct sn_checkpoint, member)

/* clang-format off */
static const struct field fields[] = {
    {"version", WORD, AT(version), 0, 0},
    {"isa", WORD, AT(isa), 0, 0},
    {"config", HASH, AT(config_hash), 0, 0},
    {"cost", HASH, AT(cost_hash), 0, 0},
    {"phase", INT, AT(phase), 0, SN_PHASES - 1},
    {"epoch", INT, AT(train.epoch), 0, 1e6},
    {"batch", INT, AT(train.batch), 0, 1e9},
    {"loss_sum", REAL, AT(train.loss_sum), 0, 0},
    {"correct", LONG, AT(train.correct), 0, 1e12},
    {"seen", LONG, AT(train.seen), 0, 1e12},
    {"arch_loss_sum", REAL, AT(tally.loss_sum), 0, 0},
    {"arch_correct", LONG, AT(tally.correct), 0, 1e12},
    {"arch_images", LONG, AT(tally.images), 0, 1e12},
    {"search_seconds", REAL, AT(seconds[SN_PHASE_SEARCH]), 0, 0},
    {"short_seconds", REAL, AT(seconds[SN_PHASE_SHORT]), 0, 0},
    {"race_seconds", REAL, AT(seconds[SN_PHASE_RACE]), 0, 0},
    {"final_seconds", REAL, AT(seconds[SN_PHASE_FINAL]), 0, 0},
    {"baseline_seconds", REAL, AT(seconds[SN_PHASE_BASELINE]), 0, 0},
    {"final_trained", INT, AT(outcome[0].trained), 0, 1},
    {"final_inherited", INT, AT(outcome[0].inherited), 0, 1},
    {"final_loss", REAL, AT(outcome[0].loss), 0, 0},
    {"final_accuracy", REAL, AT(outcome[0].accuracy), 0, 0},
    {"final_images", INT, AT(outcome[0].images), 0, 1e9},
    {"final_correct", INT, AT(outcome[0].correct), 0, 1e9},
    {"baseline_trained", INT, AT(outcome[1].trained), 0, 1},
    {"baseline_inherited", INT, AT(outcome[1].inherited), 0, 1},
    {"baseline_loss", REAL, AT(outcome[1].loss), 0, 0},
    {"baseline_accuracy", REAL, AT(outcome[1].accuracy), 0, 0},
    {"baseline_images", INT, AT(outcome[1].images), 0, 1e9},
    {"baseline_correct", INT, AT(outcome[1].correct), 0, 1e9},
    {"log_txt", SIZE, AT(log_length[SN_LOG_TEXT]), 0, 0},
    {"epochs_csv", SIZE, AT(log_length[SN_LOG_EPOCHS]), 0, 0},
    {"steps_jsonl", SIZE, AT(log_length[SN_LOG_STEPS]), 0, 0},
    {"values_csv", SIZE, AT(log_length[SN_LOG_VALUES]), 0, 0},
    {"racers", INT, AT(race.racers), 0, SN_RACE_MAX},
    {"racer", INT, AT(race.racer), 0, SN_RACE_MAX},
    {"race_inherited", INT, AT(race.inherited), 0, 1},
    {"race_sum", REAL, AT(race.sum), 0, 0},
    {"race_loss_0", REAL, AT(race.loss[0]), 0, 0},
    {"race_loss_1", REAL, AT(race.loss[1]), 0, 0},
    {"race_loss_2", REAL, AT(race.loss[2]), 0, 0},
    {"race_loss_3", REAL, AT(race.loss[3]), 0, 0},
    {"race_loss_4", REAL, AT(race.loss[4]), 0, 0},
    {"race_loss_5", REAL, AT(race.loss[5]), 0, 0},
    {"race_loss_6", REAL, AT(race.loss[6]), 0, 0},
    {"race_loss_7", REAL, AT(race.loss[7]), 0, 0},
    {"zero_shot_stage_in", REAL, AT(stage[SN_FUNNEL_ZERO_SHOT].in), 0, 0},
    {"zero_shot_stage_out", REAL, AT(stage[SN_FUNNEL_ZERO_SHOT].out), 0, 0},
    {"zero_shot_stage_seconds", REAL, AT(stage[SN_FUNNEL_ZERO_SHOT].seconds), 0, 0},
    {"zero_shot_stage_latency", REAL, AT(stage[SN_FUNNEL_ZERO_SHOT].latency), 0, 0},
    {"zero_shot_stage_score", REAL, AT(stage[SN_FUNNEL_ZERO_SHOT].score), 0, 0},
    {"search_stage_in", REAL, AT(stage[SN_FUNNEL_SEARCH].in), 0, 0},
    {"search_stage_out", REAL, AT(stage[SN_FUNNEL_SEARCH].out), 0, 0},
    {"search_stage_seconds", REAL, AT(stage[SN_FUNNEL_SEARCH].seconds), 0, 0},
    {"search_stage_latency", REAL, AT(stage[SN_FUNNEL_SEARCH].latency), 0, 0},
    {"search_stage_score", REAL, AT(stage[SN_FUNNEL_SEARCH].score), 0, 0},
    {"short_stage_in", REAL, AT(stage[SN_FUNNEL_SHORT].in), 0, 0},
    {"short_stage_out", REAL, AT(stage[SN_FUNNEL_SHORT].out), 0, 0},
    {"short_stage_seconds", REAL, AT(stage[SN_FUNNEL_SHORT].seconds), 0, 0},
    {"short_stage_latency", REAL, AT(stage[SN_FUNNEL_SHORT].latency), 0, 0},
    {"short_stage_score", REAL, AT(stage[SN_FUNNEL_SHORT].score), 0, 0},
    {"race_stage_in", REAL, AT(stage[SN_FUNNEL_RACE].in), 0, 0},
    {"race_stage_out", REAL, AT(stage[SN_FUNNEL_RACE].out), 0, 0},
    {"race_stage_seconds", REAL, AT(stage[SN_FUNNEL_RACE].seconds), 0, 0},
    {"race_stage_latency", REAL, AT(stage[SN_FUNNEL_RACE].latency), 0, 0},
    {"race_stage_score", REAL, AT(stage[SN_FUNNEL_RACE].score), 0, 0},
    {"memory_room", SIZE, AT(memory_room), 0, 0},
};
/* clang-format on */

enum { FIELDS = sizeof fields / sizeof *fields, WORD_BYTES = 16 };

static void print_field(struct sn_text *t, const struct field *f,
                        const struct sn_checkpoint *c)
{
    const char *at = (const char *)c + f->offset;
    char real[32];
    sn_text_add(t, "%s=", f->name);
    switch (f->type) {
    case INT:
        sn_text_add(t, "%d\n", *(const int *)(const void *)at);
        break;
    case LONG:
        sn_text_add(t, "%ld\n", *(const long *)(const void *)at);
        break;
    case SIZE:
        sn_text_add(t, "%zu\n", *(const size_t *)(const void *)at);
        break;
    case HASH:
        sn_text_add(t, "%" PRIu64 "\n", *(const uint64_t *)(const void *)at);
        break;
    case REAL:
        sn_text_add(
            t, "%s\n",
            sn_text_real(real, sizeof real, *(const double *)(const void *)at));
        break;
    case WORD:
        sn_text_add(t, "%s\n", at);
        break;
    }
}

/* Reads one value; false when the text is not what print_field() writes. */
static bool parse_field(const struct field *f, const char *text, char *at)
{
    char *end;
    if (f->type == WORD) {
        const size_t n = strlen(text);
        if (n < WORD_BYTES)
            memcpy(at, text, n + 1);
        return n > 0 && n < WORD_BYTES;
    }
    if (f->type == REAL) {
        *(double *)(void *)at = strtod(text, &end);
        return end != text && *end == '\0';
    }
    if (*text < '0' || *text > '9')
        return false;
    const unsigned long long value = strtoull(text, &end, 10);
    const double size = (double)value;
    if (*end != '\0')
        return false;
    if (f->type == HASH) {
        *(uint64_t *)(void *)at = value;
        return true;
    }
    if (f->type == SIZE) {
        *(size_t *)(void *)at = value;
        return size < 1e15;
    }
    if (size < f->least || size > f->most)
        return false;
    if (f->type == INT)
        *(int *)(void *)at = (int)value;
    else
        *(long *)(void *)at = (long)value;
    return true;
}

/* All fields, in their order, and nothing else. */
static sn_status parse_fields(struct sn_checkpoint *c, const char *text,
                              const char *path, struct sn_error *err)
{
    for (int i = 0; i < FIELDS; i++) {
        const struct field *f = &fields[i];
        const size_t n = strlen(f->name);
        const size_t line = strcspn(text, "\n");
        char value[64];
        bool ok = strncmp(text, f->name, n) == 0 && text[n] == '=' &&
                  text[line] == '\n' && line - n - 1 < sizeof value;
        if (ok) {
            snprintf(value, sizeof value, "%.*s", (int)(line - n - 1),
                     text + n + 1);
            ok = parse_field(f, value, (char *)c + f->offset);
        }
        if (!ok)
            return sn_fail(err, SN_ERR_INPUT,
                           "%s: its state has no proper '%s': '%.*s'", path,
                           f->name, (int)(line < 60 ? line : 60), text);
        text += line + 1;
    }
    if (*text)
        return sn_fail(err, SN_ERR_INPUT, "%s: its state goes on with '%.20s'",
                       path, text);
    return SN_OK;
}

/* ---- the search's arrays ---- */

static void add_search(struct sn_tensor_writer *w,
                       const struct sn_search_arrays *a)
{
    for (int i = 0; a && i < a->count; i++) {
        const int64_t dims[] = {a->item[i].n};
        sn_tensor_writer_add(w, a->item[i].name, SN_DTYPE_F64, 1, dims,
                             a->item[i].values);
    }
}

static sn_status take_search(const struct sn_tensor_file *f,
                             const struct sn_search_arrays *a,
                             struct sn_error *err)
{
    for (int i = 0; a && i < a->count; i++) {
        const int64_t dims[] = {a->item[i].n};
        const void *data;
        SN_TRY(sn_tensor_file_find(f, a->item[i].name, SN_DTYPE_F64, 1, dims,
                                   &data, err));
        memcpy(a->item[i].values, data,
               (size_t)a->item[i].n * sizeof *a->item[i].values);
    }
    return SN_OK;
}

/* ---- the racers ---- */

enum { RACER_NAME = 24 };

static const char *racer_name(char buf[RACER_NAME], int i)
{
    snprintf(buf, RACER_NAME, "racer.%d", i + 1);
    return buf;
}

static void add_racers(struct sn_tensor_writer *w,
                       const struct sn_checkpoint *c)
{
    char name[RACER_NAME];
    for (int i = 0; i < c->race.racers; i++) {
        char *text = sn_arch_text(&c->race.arch[i]);
        if (text)
            sn_tensor_writer_meta(w, racer_name(name, i), text);
        else
            w->failed = true;
        free(text);
    }
}

/* An arch text of the file; here it is no config of the user's. */
static sn_status parse_arch(struct sn_arch *arch, const char *text,
                            const struct sn_tensor_file *f,
                            struct sn_error *err)
{
    if (sn_arch_parse(arch, text, f->path, err) == SN_OK)
        return SN_OK;
    if (err)
        err->code = SN_ERR_INPUT;
    return SN_ERR_INPUT;
}

static sn_status take_racers(struct sn_checkpoint *c,
                             const struct sn_tensor_file *f,
                             struct sn_error *err)
{
    char name[RACER_NAME];
    if (c->race.racer > c->race.racers ||
        (c->phase == SN_PHASE_RACE && c->race.racers < 1))
        return sn_fail(err, SN_ERR_INPUT, "%s: a race of %d, %d of them done",
                       f->path, c->race.racers, c->race.racer);
    for (int i = 0; i < c->race.racers; i++) {
        const char *text = sn_tensor_file_meta(f, racer_name(name, i));
        if (!text)
            return sn_fail(err, SN_ERR_INPUT, "%s: a race without its %s",
                           f->path, name);
        SN_TRY(parse_arch(&c->race.arch[i], text, f, err));
    }
    return SN_OK;
}

/* ---- writing ---- */

static sn_status write_file(const char *path, const struct sn_checkpoint *c,
                            const struct sn_supernet *net, struct sn_error *err)
{
    struct sn_tensor_writer w = {0};
    struct sn_text state = {0};
    char print[SN_DATA_PRINT_TEXT];
    sn_tensor_writer_init(&w);
    for (int i = 0; i < FIELDS; i++)
        print_field(&state, &fields[i], c);
    char *text = sn_text_take(&state);
    char *arch = c->has_arch ? sn_arch_text(&c->arch) : NULL;
    if (!text || (c->has_arch && !arch))
        w.failed = true;
    sn_tensor_writer_meta(&w, "format", format);
    if (text)
        sn_tensor_writer_meta(&w, "state", text);
    if (arch)
        sn_tensor_writer_meta(&w, "arch", arch);
    add_racers(&w, c);
    if (c->has_data)
        sn_tensor_writer_meta(&w, "data_hash",
                              sn_data_print_text(print, &c->data));
    if (net) {
        sn_tensors_add(&w, "weights.", &net->params, net->params.w);
        sn_tensors_add(&w, "momenta.", &net->params, net->params.m);
    }
    add_search(&w, c->search);
    const sn_status rc = sn_tensors_commit(&w, path, err);
    free(text);
    free(arch);
    return rc;
}

/* At every moment one of the two files is whole: the newest becomes the
 * previous one by a rename, and is then replaced by a rename. */
sn_status sn_checkpoint_save(const struct sn_rundir *dir,
                             const struct sn_checkpoint *c,
                             const struct sn_supernet *net,
                             struct sn_error *err)
{
    char path[SN_RUN_PATH], prev[SN_RUN_PATH], next[SN_RUN_PATH];
    sn_rundir_file(dir, newest, path);
    sn_rundir_file(dir, previous, prev);
    sn_rundir_file(dir, "checkpoint.next.safetensors", next);
    SN_TRY(write_file(next, c, net, err));
    if ((sn_file_exists(path) && rename(path, prev) != 0) ||
        rename(next, path) != 0)
        return sn_fail(err, SN_ERR_OUTPUT, "%s: cannot be put in place", path);
    return SN_OK;
}

/* ---- reading ---- */

static sn_status take_arch(struct sn_checkpoint *c,
                           const struct sn_tensor_file *f, struct sn_error *err)
{
    const char *text = sn_tensor_file_meta(f, "arch");
    c->has_arch = text != NULL;
    if (!text && c->phase == SN_PHASE_SEARCH)
        return SN_OK;
    if (!text)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: a checkpoint of phase %s without its arch", f->path,
                       sn_phase_name((sn_phase)c->phase));
    return parse_arch(&c->arch, text, f, err);
}

/* Checkpoints from before it was written have none. */
static sn_status take_print(struct sn_checkpoint *c,
                            const struct sn_tensor_file *f,
                            struct sn_error *err)
{
    const char *text = sn_tensor_file_meta(f, "data_hash");
    c->has_data = text && sn_data_print_parse(&c->data, text);
    if (!text || c->has_data)
        return SN_OK;
    return sn_fail(err, SN_ERR_INPUT,
                   "%s: data_hash: expected counts and digests, found '%.40s'",
                   f->path, text);
}

static sn_status read_file(struct sn_tensor_file *f, struct sn_checkpoint *c,
                           const char *path, struct sn_error *err)
{
    const char *state;
    SN_TRY(sn_tensors_open(f, path, format, err));
    SN_TRY(sn_tensors_meta(f, "state", &state, err));
    SN_TRY(parse_fields(c, state, path, err));
    SN_TRY(take_arch(c, f, err));
    SN_TRY(take_racers(c, f, err));
    return take_print(c, f, err);
}

/* Reads one of the two into both arguments; leaves them alone on failure. */
static sn_status try_file(struct sn_checkpoint_file **file,
                          struct sn_checkpoint *c, const char *path,
                          struct sn_error *err)
{
    struct sn_checkpoint_file *f = calloc(1, sizeof *f);
    struct sn_checkpoint *found = calloc(1, sizeof *found);
    sn_status rc = SN_OK;
    if (!f || !found)
        rc = sn_fail(err, SN_ERR_MEMORY, "no memory for a checkpoint");
    if (rc == SN_OK)
        rc = read_file(&f->file, found, path, err);
    if (rc == SN_OK) {
        *c = *found;
        *file = f;
    } else {
        sn_checkpoint_close(f);
    }
    free(found);
    return rc;
}

sn_status sn_checkpoint_open(struct sn_checkpoint_file **file,
                             struct sn_checkpoint *c,
                             const struct sn_rundir *dir, struct sn_error *note,
                             struct sn_error *err)
{
    char path[SN_RUN_PATH], prev[SN_RUN_PATH];
    const bool has_new = sn_file_exists(sn_rundir_file(dir, newest, path));
    const bool has_old = sn_file_exists(sn_rundir_file(dir, previous, prev));
    *file = NULL;
    note->text[0] = '\0';
    if (!has_new && !has_old)
        return SN_OK;
    if (has_new && try_file(file, c, path, note) == SN_OK)
        return SN_OK;
    if (!has_new) /* killed between two renames */
        return try_file(file, c, prev, err);
    if (note->code == SN_ERR_MEMORY || !has_old)
        return sn_fail(err, note->code, "%s", note->text);
    struct sn_error why;
    const sn_status rc = try_file(file, c, prev, &why);
    if (rc != SN_OK)
        return sn_fail(err, rc, "%s\n%s", note->text, why.text);
    (void)!sn_fail_more(note, SN_ERR_INPUT, "going on from the one before: %s",
                        prev);
    return SN_OK;
}

sn_status sn_checkpoint_weights(const struct sn_checkpoint_file *file,
                                struct sn_supernet *net,
                                const struct sn_search_arrays *search,
                                struct sn_error *err)
{
    struct sn_params *p = &net->params;
    const struct sn_tensor_file *f = &file->file;
    const size_t expected =
        2 * (size_t)p->count + (search ? (size_t)search->count : 0);
    if (f->count != expected)
        return sn_fail(err, SN_ERR_INPUT,
                       "%s: has %zu arrays, the net needs %zu", f->path,
                       f->count, expected);
    SN_TRY(take_search(f, search, err));
    SN_TRY(sn_tensors_take(f, "weights.", p, p->w, err));
    return sn_tensors_take(f, "momenta.", p, p->m, err);
}

sn_status sn_checkpoint_arrays(const struct sn_checkpoint_file *file,
                               const struct sn_search_arrays *search,
                               struct sn_error *err)
{
    return take_search(&file->file, search, err);
}

void sn_checkpoint_close(struct sn_checkpoint_file *file)
{
    if (file)
        sn_tensor_file_close(&file->file);
    free(file);
}
