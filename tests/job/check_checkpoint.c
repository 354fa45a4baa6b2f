/* Checkpoints against what disks and editors do to them. */

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/checkpoint.h"
#include "job/weights.h"

enum { VALUES = 8 };

struct fixture {
    double value[VALUES], scalar; /* what a mode of search keeps */
    struct sn_search_arrays kept;
    struct sn_space space;
    struct sn_supernet net;
    struct sn_checkpoint at;
    struct sn_rundir dir;
    struct sn_error err;
};

static void tiny_space(struct sn_space *space, int width)
{
    *space = (struct sn_space){.h = 8,
                               .w = 8,
                               .c = 3,
                               .classes = 4,
                               .stem = 4,
                               .stem_stride = 1,
                               .act = SN_ACT_RELU,
                               .n_stages = 1};
    struct sn_stage_space *s = &space->stage[0];
    s->width = width;
    s->stride = 1;
    s->n_depth = 1;
    s->depth[0] = 1;
    struct sn_block_space *b = &s->block[0];
    s->star_depth = 1;
    b->star = (struct sn_block){SN_OP_IBN, 3, 3};
    b->n_op = 2;
    b->op[0] = SN_OP_IBN;
    b->op[1] = SN_OP_FUSED;
    b->of[SN_OP_IBN] =
        (struct sn_op_space){.n_k = 1, .k = {3}, .n_e = 2, .e = {2, 3}};
    b->of[SN_OP_FUSED] =
        (struct sn_op_space){.n_k = 1, .k = {3}, .n_e = 1, .e = {2}};
}

static struct fixture *fixture(const char *name)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    tiny_space(&f->space, 8);
    check_ok(sn_supernet_init(&f->net, &f->space, 3, &f->err), &f->err);
    for (size_t i = 0; i < f->net.params.total; i++)
        f->net.params.m[i] = (sn_real)i * 0.125f;
    check_ok(sn_rundir_create(&f->dir, "x.ini", "", check_path(name), &f->err),
             &f->err);
    struct sn_checkpoint *at = &f->at;
    at->phase = SN_PHASE_SEARCH;
    at->train = (struct sn_train_state){2, 7, 1.0 / 3.0, 41, 99};
    at->config_hash = UINT64_MAX - 1;
    at->seconds[SN_PHASE_SEARCH] = 12.75;
    snprintf(at->isa, sizeof at->isa, "ref");
    snprintf(at->version, sizeof at->version, "1");
    for (int i = 0; i < VALUES; i++)
        f->value[i] = 0.1 * i;
    f->scalar = 1e-300;
    f->kept = (struct sn_search_arrays){
        2, {{"mode.value", f->value, VALUES}, {"mode.scalar", &f->scalar, 1}}};
    at->search = &f->kept;
    at->has_data = true;
    at->data = (struct sn_data_print){4, 5, {60, 1}, {20, UINT64_MAX}};
    return f;
}

static void release(struct fixture *f)
{
    sn_rundir_close(&f->dir);
    sn_supernet_release(&f->net);
    free(f);
}

static void save(struct fixture *f)
{
    check_ok(sn_checkpoint_save(&f->dir, &f->at, &f->net, &f->err), &f->err);
}

static sn_status load(struct fixture *f, struct sn_checkpoint *got,
                      struct sn_error *note)
{
    struct sn_checkpoint_file *file;
    const sn_status rc = sn_checkpoint_open(&file, got, &f->dir, note, &f->err);
    if (rc == SN_OK)
        sn_checkpoint_close(file);
    return rc;
}

static const char *newest(const struct fixture *f)
{
    static char path[SN_RUN_PATH];
    return sn_rundir_file(&f->dir, "checkpoint.safetensors", path);
}

static void put(const char *path, const char *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void comes_back_as_it_was(void **state)
{
    (void)state;
    struct fixture *f = fixture("same");
    struct sn_checkpoint *got = calloc(1, sizeof *got);
    struct sn_checkpoint_file *file;
    struct sn_error note;
    struct sn_supernet other;
    save(f);
    check_ok(sn_checkpoint_open(&file, got, &f->dir, &note, &f->err), &f->err);
    assert_string_equal(note.text, "");
    assert_memory_equal(&got->train, &f->at.train, sizeof got->train);
    assert_memory_equal(got->seconds, f->at.seconds, sizeof got->seconds);
    assert_true(got->config_hash == f->at.config_hash);
    assert_string_equal(got->isa, "ref");
    assert_true(got->has_data);
    char was[SN_DATA_PRINT_TEXT], is[SN_DATA_PRINT_TEXT];
    assert_string_equal(sn_data_print_text(is, &got->data),
                        sn_data_print_text(was, &f->at.data));

    check_ok(sn_supernet_init(&other, &f->space, 4, &f->err), &f->err);
    double value[VALUES] = {0}, scalar = 0;
    const struct sn_search_arrays kept = {
        2, {{"mode.value", value, VALUES}, {"mode.scalar", &scalar, 1}}};
    check_ok(sn_checkpoint_weights(file, &other, &kept, &f->err), &f->err);
    assert_memory_equal(value, f->value, sizeof value);
    assert_true(scalar == 1e-300);
    for (int id = 0; id < other.params.count; id++) {
        const struct sn_param *it = &other.params.item[id];
        const size_t bytes =
            (size_t)it->rows * (size_t)it->cols * sizeof(sn_real);
        check_same(other.params.w + it->first, f->net.params.w + it->first,
                   bytes, it->name);
        check_same(other.params.m + it->first, f->net.params.m + it->first,
                   bytes, it->name);
    }
    sn_checkpoint_close(file);
    sn_supernet_release(&other);
    free(got);
    release(f);
}

static void none_yet(void **state)
{
    (void)state;
    struct fixture *f = fixture("none");
    struct sn_checkpoint_file *file;
    struct sn_error note;
    check_ok(sn_checkpoint_open(&file, &f->at, &f->dir, &note, &f->err),
             &f->err);
    assert_null(file);
    assert_string_equal(note.text, "");
    release(f);
}

/* Cut anywhere, or with any byte changed, a file is refused, never believed. */
static void damage_shows(void **state)
{
    (void)state;
    struct fixture *f = fixture("damage");
    struct sn_checkpoint *got = calloc(1, sizeof *got);
    struct sn_error note;
    size_t bytes;
    save(f);
    char *whole = check_read(newest(f), &bytes);
    for (size_t n = 0; n < bytes; n += n < 64 ? 1 : 211) {
        put(newest(f), whole, n);
        check_fails(load(f, got, &note), &f->err, SN_ERR_INPUT,
                    "checkpoint.safetensors");
    }
    for (size_t i = 0; i < bytes; i += i < 4096 ? 7 : 61) {
        const char was = whole[i];
        whole[i] = (char)(was ^ (1 << (i % 8)));
        put(newest(f), whole, bytes);
        /* blanks that pad the header may become other blanks */
        if (load(f, got, &note) == SN_OK)
            assert_true(was == ' ' && whole[i] != ' ');
        whole[i] = was;
    }
    put(newest(f), whole, bytes);
    check_ok(load(f, got, &note), &f->err);
    free(got);
    release(f);
}

static void the_one_before_is_used(void **state)
{
    (void)state;
    struct fixture *f = fixture("before");
    struct sn_checkpoint *got = calloc(1, sizeof *got);
    struct sn_error note;
    size_t bytes;
    save(f);
    f->at.train.epoch = 3;
    save(f);
    check_ok(load(f, got, &note), &f->err);
    assert_int_equal(got->train.epoch, 3);
    char *whole = check_read(newest(f), &bytes);
    put(newest(f), whole, bytes - 1);
    check_ok(load(f, got, &note), &f->err);
    assert_int_equal(got->train.epoch, 2);
    assert_non_null(strstr(note.text, "going on from the one before"));

    /* killed between the two renames: nothing is wrong with the other */
    assert_int_equal(remove(newest(f)), 0);
    check_ok(load(f, got, &note), &f->err);
    assert_int_equal(got->train.epoch, 2);
    assert_string_equal(note.text, "");
    free(got);
    release(f);
}

/* Writes a file with its state replaced, checksum and all. */
static void forge(struct fixture *f, const char *format, const char *state)
{
    struct sn_tensor_writer w = {0};
    sn_tensor_writer_init(&w);
    if (format)
        sn_tensor_writer_meta(&w, "format", format);
    if (state)
        sn_tensor_writer_meta(&w, "state", state);
    check_ok(sn_tensors_commit(&w, newest(f), &f->err), &f->err);
}

static void forged_states_are_refused(void **state)
{
    (void)state;
    struct fixture *f = fixture("forged");
    struct sn_checkpoint *got = calloc(1, sizeof *got);
    struct sn_error note;
    static const char head[] = "version=1\nisa=ref\nconfig=1\ncost=1\n";
    static const char *const bad[] = {
        "",
        "version=1\n",
        "isa=ref\nversion=1\n",
        "version=\n",
        "version=0123456789abcdef\n",
    };
    const char *is = "supernet-checkpoint 3";
    forge(f, NULL, "");
    check_fails(load(f, got, &note), &f->err, SN_ERR_INPUT,
                "its metadata lack 'format'");
    forge(f, "supernet-subnet 1", "");
    check_fails(load(f, got, &note), &f->err, SN_ERR_INPUT,
                "is a 'supernet-subnet 1', expected a 'supernet-checkpoint 3'");
    forge(f, is, NULL);
    check_fails(load(f, got, &note), &f->err, SN_ERR_INPUT,
                "its metadata lack 'state'");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        forge(f, is, bad[i]);
        check_fails(load(f, got, &note), &f->err, SN_ERR_INPUT,
                    "its state has no proper");
    }
    static const char *const phases[] = {
        "phase=6\n",  "phase=-1\n", "phase=x\n",
        "phase=1 \n", "phase=\n",   "phase=99999999999999999999999\n"};
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        char text[128];
        snprintf(text, sizeof text, "%s%s", head, phases[i]);
        forge(f, is, text);
        check_fails(load(f, got, &note), &f->err, SN_ERR_INPUT, "'phase'");
    }
    free(got);
    release(f);
}

/* The state of a whole checkpoint, with one line changed. */
static void forge_line(struct fixture *f, const char *from, const char *to,
                       const char *more)
{
    struct sn_tensor_file file = {0};
    check_ok(sn_tensor_file_open(&file, newest(f), &f->err), &f->err);
    const char *state = sn_tensor_file_meta(&file, "state");
    const char *at = strstr(state, from);
    assert_non_null(at);
    char text[4096];
    snprintf(text, sizeof text, "%.*s%s%s%s", (int)(at - state), state, to,
             at + strlen(from), more);
    forge(f, "supernet-checkpoint 3", text);
    sn_tensor_file_close(&file);
}

/* A race stands in the file with its nets; one without is none. */
static void races_come_back(void **state)
{
    (void)state;
    struct fixture *f = fixture("race");
    struct sn_checkpoint *got = calloc(1, sizeof *got);
    struct sn_error note;
    int choice[SN_MAX_DECISIONS] = {0};
    struct sn_race *race = &f->at.race;
    f->at.phase = SN_PHASE_RACE;
    f->at.has_arch = true;
    f->at.stage[SN_FUNNEL_SHORT] =
        (struct sn_funnel_stage){32, 2, 1.5, 1e-3, 1.0 / 3.0};
    sn_arch_choose(&f->at.arch, &f->space, &f->net.decisions, choice);
    race->arch[0] = race->arch[1] = f->at.arch;
    race->arch[1].stage[0].block[0].e = 3;
    *race = (struct sn_race){.racers = 2,
                             .racer = 1,
                             .inherited = 1,
                             .sum = 0.1,
                             .loss = {2.0 / 3.0},
                             .arch = {race->arch[0], race->arch[1]}};
    save(f);
    check_ok(load(f, got, &note), &f->err);
    assert_memory_equal(&got->stage[SN_FUNNEL_SHORT],
                        &f->at.stage[SN_FUNNEL_SHORT],
                        sizeof got->stage[SN_FUNNEL_SHORT]);
    assert_true(got->race.racers == 2 && got->race.racer == 1 &&
                got->race.inherited == 1 && got->race.sum == 0.1 &&
                got->race.loss[0] == 2.0 / 3.0);
    for (int i = 0; i < 2; i++)
        assert_true(sn_arch_equal(&got->race.arch[i], &race->arch[i]));
    remove(newest(f));
    race->racers = race->racer = 0;
    save(f);
    check_fails(load(f, got, &note), &f->err, SN_ERR_INPUT,
                "a race of 0, 0 of them done");
    free(got);
    release(f);
}

static void phases_need_their_parts(void **state)
{
    (void)state;
    struct fixture *f = fixture("parts");
    struct sn_checkpoint *got = calloc(1, sizeof *got);
    struct sn_error note;
    save(f);
    forge_line(f, "phase=0", "phase=3", "");
    check_fails(load(f, got, &note), &f->err, SN_ERR_INPUT,
                "a checkpoint of phase final without its arch");
    static const char *const race[][3] = {
        {"racers=0", "racers=2", "a race without its racer.1"},
        {"racer=0", "racer=3", "a race of 0, 3 of them done"},
        {"racers=0", "racers=9", "'racers'"}};
    for (size_t i = 0; i < sizeof race / sizeof *race; i++) {
        remove(newest(f));
        save(f);
        forge_line(f, race[i][0], race[i][1], "");
        check_fails(load(f, got, &note), &f->err, SN_ERR_INPUT, race[i][2]);
    }
    remove(newest(f));
    save(f);
    forge_line(f, "phase=0", "phase=0", "more=1\n");
    check_fails(load(f, got, &note), &f->err, SN_ERR_INPUT,
                "its state goes on with");
    free(got);
    release(f);
}

/* Rewrites the newest file with another word on the images; NULL: none. */
static void forge_data(struct fixture *f, const char *text)
{
    static const char *const keys[] = {"format", "state", "arch"};
    struct sn_tensor_file file = {0};
    struct sn_tensor_writer w = {0};
    check_ok(sn_tensor_file_open(&file, newest(f), &f->err), &f->err);
    sn_tensor_writer_init(&w);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (sn_tensor_file_meta(&file, keys[i]))
            sn_tensor_writer_meta(&w, keys[i],
                                  sn_tensor_file_meta(&file, keys[i]));
    if (text)
        sn_tensor_writer_meta(&w, "data_hash", text);
    for (size_t i = 0; i < file.count; i++)
        sn_tensor_writer_add(&w, file.entry[i].name, file.entry[i].dtype,
                             file.entry[i].ndim, file.entry[i].dims,
                             file.entry[i].data);
    check_ok(sn_tensors_commit(&w, newest(f), &f->err), &f->err);
    sn_tensor_file_close(&file);
}

/* Checkpoints from before it was written go on without. */
static void images_need_not_be_known(void **state)
{
    (void)state;
    struct fixture *f = fixture("known");
    struct sn_checkpoint *got = calloc(1, sizeof *got);
    struct sn_error note;
    assert_non_null(got);
    save(f);
    forge_data(f, NULL);
    check_ok(load(f, got, &note), &f->err);
    assert_false(got->has_data);
    forge_data(f, "classes 4");
    check_fails(load(f, got, &note), &f->err, SN_ERR_INPUT,
                "data_hash: expected counts and digests, found 'classes 4'");
    free(got);
    release(f);
}

static void another_net_is_refused(void **state)
{
    (void)state;
    struct fixture *f = fixture("other");
    struct sn_checkpoint *got = calloc(1, sizeof *got);
    struct sn_checkpoint_file *file;
    struct sn_error note;
    struct sn_space wider = f->space, fewer = f->space;
    struct sn_supernet net;
    save(f);
    check_ok(sn_checkpoint_open(&file, got, &f->dir, &note, &f->err), &f->err);

    wider.stage[0].width = 16;
    check_ok(sn_supernet_init(&net, &wider, 1, &f->err), &f->err);
    check_fails(sn_checkpoint_weights(file, &net, &f->kept, &f->err), &f->err,
                SN_ERR_INPUT, "checkpoint.safetensors");
    sn_supernet_release(&net);

    fewer.stage[0].block[0].n_op = 1;
    check_ok(sn_supernet_init(&net, &fewer, 1, &f->err), &f->err);
    check_fails(sn_checkpoint_weights(file, &net, &f->kept, &f->err), &f->err,
                SN_ERR_INPUT, "arrays, the net needs");
    sn_supernet_release(&net);

    /* another mode keeps other things, another space more of them */
    const struct {
        const char *name;
        int n;
        const char *text;
    } kept[] = {{"other.value", VALUES, "'other.value': is missing"},
                {"mode.value", VALUES - 1, "mode.value"}};
    check_ok(sn_supernet_init(&net, &f->space, 1, &f->err), &f->err);
    for (int i = 0; i < 2; i++) {
        struct sn_search_arrays other = f->kept;
        other.item[0].name = kept[i].name;
        other.item[0].n = kept[i].n;
        check_fails(sn_checkpoint_weights(file, &net, &other, &f->err), &f->err,
                    SN_ERR_INPUT, kept[i].text);
    }
    sn_supernet_release(&net);
    sn_checkpoint_close(file);

    f->at.phase = SN_PHASE_FINAL;
    sn_arch_baseline(&f->at.arch, &f->space);
    f->at.has_arch = true;
    save(f);
    check_ok(sn_checkpoint_open(&file, got, &f->dir, &note, &f->err), &f->err);
    assert_true(sn_arch_equal(&got->arch, &f->at.arch));
    check_ok(sn_supernet_init(&net, &fewer, 1, &f->err), &f->err);
    check_fails(sn_checkpoint_weights(file, &net, NULL, &f->err), &f->err,
                SN_ERR_INPUT, "arrays, the net needs");
    sn_supernet_release(&net);
    sn_checkpoint_close(file);
    free(got);
    release(f);
}

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    struct fixture *f = fixture("memory");
    struct sn_checkpoint *got = calloc(1, sizeof *got);
    struct sn_error note;
    save(f);
    for (int n = 0;; n += 3) {
        check_fail_allocation(n);
        const sn_status rc =
            sn_checkpoint_save(&f->dir, &f->at, &f->net, &f->err);
        const bool reached = check_allocation_failed();
        assert_true(rc == SN_OK || rc == SN_ERR_MEMORY);
        if (!reached)
            break;
    }
    for (int n = 0;; n++) {
        check_fail_allocation(n);
        const sn_status rc = load(f, got, &note);
        const bool reached = check_allocation_failed();
        assert_true(rc == SN_OK || rc == SN_ERR_MEMORY);
        if (!reached)
            break;
    }
    check_ok(load(f, got, &note), &f->err);
    free(got);
    release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(none_yet),
        cmocka_unit_test(damage_shows),
        cmocka_unit_test(the_one_before_is_used),
        cmocka_unit_test(forged_states_are_refused),
        cmocka_unit_test(races_come_back),
        cmocka_unit_test(phases_need_their_parts),
        cmocka_unit_test(images_need_not_be_known),
        cmocka_unit_test(another_net_is_refused),
        cmocka_unit_test(memory_that_runs_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
