/* supernet: the command line.
 *
 * A command is a row of `commands` and one file.  Every flag is a row of
 * `flags`; help and parsing come from the two tables.  This is the one place
 * that prints errors and ends the program. */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/nearest.h"
#include "base/os.h"
#include "cli/cli.h"
#include "cli/data.h"
#include "job/compare.h"
#include "job/job.h"
#include "job/tau.h"

/* ---- tables ---- */

struct command {
    const char *name;
    const char *operand; /* word of the help; NULL: takes none */
    bool optional;       /* the operand may be left out */
    const char *more;    /* word of what may follow it; NULL: nothing may */
    const char *flags;   /* values of the flags it takes beside the common */
    const char *help;
    sn_cli_fn *run;
};

static const struct command commands[] = {
    {"train", "CONFIG.ini", true, NULL, "soSrfvJ",
     "search, derive, train and compare; the whole job", sn_cli_train},
    {"check", "CONFIG.ini", false, NULL, "sSJ",
     "look at config and data and print the plan; trains nothing",
     sn_cli_check},
    {"config", "SECTION", true, NULL, "J",
     "every key with default, unit, range and meaning", sn_cli_config},
    {"derive", "RUN", false, NULL, "lWAKGaJ",
     "other nets from a finished search, for other budgets", sn_cli_derive},
    {"fit", "OPS.csv", true, "OPS.csv...", "oDdbmnYPJ",
     "an estimator of a device, from operators measured on it", sn_cli_fit},
    {"estimate", "ARCH|RUN|MODEL", false, NULL, "GJ",
     "what a net costs on a device, part by part", sn_cli_estimate},
    {"eval", "RUN|FILE", false, NULL, "pMJ",
     "accuracy of a finished net, from its subnet.safetensors alone",
     sn_cli_eval},
    {"measure", "CONFIG.ini", false, NULL, "sotnSJ",
     "how long the units of its nets take on this machine", sn_cli_measure},
    {"predict", "RUN|FILE", false, "IMAGE|DIR...", "TCJ",
     "what a finished net says of pictures", sn_cli_predict},
    {"export", "RUN|FILE", false, NULL, "NRoJ",
     "a finished net as a file that other programs run", sn_cli_export},
    {"advise", "CONFIG.ini|ARCH|RUN|MODEL", false, NULL, "GsSBklWAKoJ",
     "edits of a net that its device rewards, and what each would change",
     sn_cli_advise},
    {"compare", "CONFIG.ini", false, NULL, "LQosSJ",
     "a search beside its controls, all trained alike", sn_cli_compare},
    {"explain", "RUN", false, NULL, "UJ",
     "per block, each option of a finished search and why it lost",
     sn_cli_explain},
    {"score", "CONFIG.ini", false, NULL, "sSUJ",
     "untrained nets ranked, and what each option does to their rank",
     sn_cli_score},
    {"data check", "CONFIG.ini|DIR|LIST.csv", true, NULL, "sSJ",
     "what is wrong with the images: broken, doubled, unlabelled, ...",
     sn_cli_data_check},
    {"data mosaic", "CONFIG.ini|DIR|LIST.csv", true, NULL, "soS",
     "one PNG of training images as the net sees them", sn_cli_data_mosaic},
    {"data write", "CONFIG.ini|DIR|LIST.csv", true, NULL, "soSF",
     "images as folders of JPEGs, as set = folder reads them",
     sn_cli_data_write},
    {"target plot", "DEVICE.ini", false, NULL, "oJ",
     "what channels cost on a device, as SVG", sn_cli_target_plot},
    {"info", NULL, true, NULL, "J", "version, processor, libraries, memory",
     sn_cli_info},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

struct flag {
    const char *name;
    char value; /* its short letter; capitals have none but V */
    bool is_short;
    const char *argument; /* word of the help; NULL: takes none */
    bool common;
    const char *help;
};

static const struct flag flags[] = {
    {"set", 's', true, "SECTION.KEY=VALUE", false,
     "replaces a value of the config; may be repeated"},
    {"output", 'o', true, "PATH", false,
     "the run directory, empty or new; or the file"},
    {"seed", 'S', false, "N", false, "the same as -s run.seed=N"},
    {"resume", 'r', false, "RUN", false,
     "goes on with an interrupted run, to the bit"},
    {"force", 'f', false, NULL, false,
     "with --resume: under another instruction set"},
    {"verbose", 'v', true, NULL, false,
     "tells after each phase where its time went"},
    {"format", 'F', false, "jpg|png", false, "of the pictures; jpg"},
    {"latency", 'l', false, "TIME[,...]", false,
     "budgets: '2 ms', or '50 %' of the baseline's; of several a net each"},
    {"weights", 'W', false, "BYTES", false,
     "a budget beside it: '64 KiB', '50 %', or none"},
    {"activations", 'A', false, "BYTES", false, "the same of peak activations"},
    {"macs", 'K', false, "COUNT", false, "the same of multiply-adds: '4 M'"},
    {"tau", 'a', false, "K", false,
     "trains K random nets of the run alone: how well it ranks them"},
    {"target", 'G', false, "DEVICE", false,
     "a device: its INI, CSV or .est; a run directory has its own"},
    {"time", 't', false, "TIME", false, "at most so long; '5 min'"},
    {"by", 'B', false, "latency|weights|macs|activations", false,
     "what the edits are to lower; latency"},
    {"take", 'k', false, "EDIT[,...]", false,
     "edits that -o may take: fuse, unfuse, conv, round, even, narrow, drop"},
    {"controls", 'L', false, NULL, false,
     "baseline, expert, random, width-only, fusion-only, both"},
    {"seeds", 'Q', false, "N", false, "how many: the config's and on; 3"},
    {"rules", 'U', false, "FILE", false,
     "writes what was learnt as rules for the next config"},
    {"split", 'p', false, "test|val|train", false, "the images to evaluate on"},
    {"confusion", 'M', false, "FILE", false,
     "writes the confusion matrix as CSV"},
    {"top", 'T', false, "N", false, "the N most probable classes; 5"},
    {"csv", 'C', false, NULL, false, "rows of comma-separated values"},
    {"onnx", 'N', false, NULL, false, "as an ONNX file"},
    {"raw-input", 'R', false, NULL, false,
     "no pre-processing: it takes normalised floats"},
    {"device", 'D', false, "NAME", false, "only rows of this device"},
    {"dtype", 'd', false, "NAME", false, "only rows of this data type"},
    {"nets", 'n', false, "FILE|N", false,
     "fit: a CSV of whole nets as well; measure: so many random nets, whole"},
    {"column", 'Y', false, "NAME", false,
     "where the nets' latency stands; latency_us"},
    {"batch", 'b', false, "N", false, "only rows of this batch"},
    {"resident", 'P', false, NULL, false,
     "times with tensors on chip, where the file tells; implied by --nets"},
    {"default", 'm', false, "COLUMN=VALUE", false,
     "for fields that are empty or missing; may be repeated"},
    {"jobs", 'j', true, "N", true, "threads; changes no bit of the result"},
    {"isa", 'i', false, "NAME", true,
     "ref, portable, avx2, avx512, avx512bf16, amx"},
    {"json", 'J', false, NULL, false,
     "one JSON object on stdout, the rest on stderr"},
    {"quiet", 'q', true, NULL, true, "shows no progress"},
    {"help", 'h', true, NULL, true, "this text"},
    {"version", 'V', true, NULL, true, "the version"},
};

enum { FLAGS = sizeof flags / sizeof *flags };

/* ---- output ---- */

sn_status sn_cli_print(const char *text, struct sn_error *err)
{
    errno = 0;
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
        return sn_fail(err, SN_ERR_OUTPUT, "standard output: %s",
                       errno ? strerror(errno) : "cannot be written");
    return SN_OK;
}

sn_status sn_cli_print_text(struct sn_text *text, struct sn_error *err)
{
    char *string = sn_text_take(text);
    if (!string)
        return sn_fail(err, SN_ERR_MEMORY, "no memory for the output");
    const sn_status rc = sn_cli_print(string, err);
    free(string);
    return rc;
}

sn_status sn_cli_print_owned(char *text, struct sn_error *err)
{
    struct sn_text t = {0};
    const size_t n = text ? strlen(text) : 0;
    if (text)
        sn_text_add(&t, "%s%s", text, n && text[n - 1] == '\n' ? "" : "\n");
    else
        t.failed = true;
    free(text);
    return sn_cli_print_text(&t, err);
}

/* ---- help ---- */

static void add_flags(struct sn_text *t, const struct command *c, bool common)
{
    for (int i = 0; i < FLAGS; i++) {
        const struct flag *f = &flags[i];
        char name[64];
        if (f->common != common || (!common && !strchr(c->flags, f->value)))
            continue;
        snprintf(name, sizeof name, "%s%c%s--%s%s%s", f->is_short ? "-" : " ",
                 f->is_short ? f->value : ' ', f->is_short ? ", " : "  ",
                 f->name, f->argument ? " " : "",
                 f->argument ? f->argument : "");
        sn_text_add(t, "  %-27s  %s\n", name, f->help);
    }
}

static sn_status help(const struct command *c, struct sn_error *err)
{
    struct sn_text t = {0};
    if (c) {
        sn_text_add(&t, "supernet %s%s%s%s%s%s%s\n%s\n\n", c->name,
                    c->operand ? " " : "", c->operand && c->optional ? "[" : "",
                    c->operand ? c->operand : "",
                    c->operand && c->optional ? "]" : "", c->more ? " " : "",
                    c->more ? c->more : "", c->help);
        add_flags(&t, c, false);
    } else {
        sn_text_add(&t, "supernet COMMAND [FLAGS]: finds, trains and compares "
                        "small image networks\n\n");
        for (int i = 0; i < COMMANDS; i++)
            sn_text_add(&t, "  %-11s %s\n", commands[i].name, commands[i].help);
        sn_text_add(&t, "\nflags of all commands (supernet COMMAND -h shows "
                        "the others):\n");
    }
    add_flags(&t, NULL, true);
    sn_text_add(&t, "\nexit status: 0 ok, 1 output, 2 command line or config, "
                    "3 input, 4 numerical,\n5 budget infeasible, 6 memory, "
                    "130 and 143 interrupted with a checkpoint saved\n");
    return sn_cli_print_text(&t, err);
}

/* ---- parsing ---- */

static sn_status unknown(struct sn_error *err, const char *what,
                         const char *word, const char *near, const char *prefix)
{
    return sn_fail(err, SN_ERR_CONFIG, "unknown %s '%s'; %s%s%s%s", what, word,
                   near ? "did you mean '" : "see supernet -h",
                   near ? prefix : "", near ? near : "", near ? "'?" : "");
}

/* The command that begins at word[0]; some are two words: `data check`.  *words
 * is how many it was. */
static sn_status find_command(const struct command **found, int *words,
                              char **word, int n, struct sn_error *err)
{
    const char *names[COMMANDS];
    char both[64];
    const bool group =
        strcmp(word[0], "data") == 0 || strcmp(word[0], "target") == 0;
    *words = n > 1 && group ? 2 : 1;
    snprintf(both, sizeof both, "%s%s%s", word[0], *words > 1 ? " " : "",
             *words > 1 ? word[1] : "");
    for (int i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(both, names[i]) == 0) {
            *found = &commands[i];
            return SN_OK;
        }
    }
    return unknown(err, "command", both, sn_nearest(both, names, COMMANDS), "");
}

static sn_status unknown_flag(const char *word, struct sn_error *err)
{
    const char *names[FLAGS];
    char name[64];
    for (int i = 0; i < FLAGS; i++)
        names[i] = flags[i].name;
    const char *start = word + strspn(word, "-");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(start, "="), start);
    return unknown(err, "flag", word,
                   word[1] == '-' ? sn_nearest(name, names, FLAGS) : NULL,
                   "--");
}

static sn_status add_override(struct sn_cli *a, const char *text,
                              struct sn_error *err)
{
    if (a->n_over == SN_CLI_MAX_OVER)
        return sn_fail(err, SN_ERR_CONFIG, "-s: given more than %d times",
                       SN_CLI_MAX_OVER);
    a->over[a->n_over++].text = text;
    return SN_OK;
}

static sn_status read_count(int *count, const char *flag, const char *text,
                            int most, struct sn_error *err)
{
    const struct sn_option row = {
        .key = flag, .type = SN_OPT_INT, .min = 1, .max = most, .unit = ""};
    struct sn_error why;
    if (sn_option_parse(&row, count, text, NULL, &why) == SN_OK)
        return SN_OK;
    return sn_fail(err, SN_ERR_CONFIG, "%s: %s", flag, why.text);
}

static sn_status read_isa(struct sn_cli *a, const char *text,
                          struct sn_error *err)
{
    switch (sn_cpu_lower(sn_cpu_isa(), text, &a->isa)) {
    case -1:
        return sn_fail(
            err, SN_ERR_CONFIG,
            "--isa: '%s' is not known; expected ref, portable, avx2, "
            "avx512, avx512bf16 or amx",
            text);
    case -2:
        return sn_fail(err, SN_ERR_CONFIG, "--isa: this processor has no %s",
                       text);
    default:
        return SN_OK;
    }
}

/* `run.seed=N` in memory that lives as long as the program. */
static sn_status add_seed(struct sn_cli *a, const char *text,
                          struct sn_error *err)
{
    static char seed[64];
    if (strlen(text) > 40)
        return sn_fail(err, SN_ERR_CONFIG, "--seed: '%.20s...' is too long",
                       text);
    snprintf(seed, sizeof seed, "run.seed=%s", text);
    return add_override(a, seed, err);
}

static sn_status add_default(struct sn_cli *a, const char *text,
                             struct sn_error *err)
{
    if (a->n_defaults == SN_CLI_MAX_OVER)
        return sn_fail(err, SN_ERR_CONFIG,
                       "--default: given more than %d times", SN_CLI_MAX_OVER);
    a->defaults[a->n_defaults++] = text;
    return SN_OK;
}

static sn_status take_flag(struct sn_cli *a, int value, const char *argument,
                           struct sn_error *err)
{
    switch (value) {
    case 's':
        return add_override(a, argument, err);
    case 'S':
        return add_seed(a, argument, err);
    case 'j':
        return read_count(&a->threads, "-j", argument, 1024, err);
    case 'i':
        return read_isa(a, argument, err);
    case 'o':
        a->dir = argument;
        return *argument ? SN_OK
                         : sn_fail(err, SN_ERR_CONFIG, "-o: the name is empty");
    case 'r':
        a->resume = argument;
        return SN_OK;
    case 'F':
        a->format = argument;
        return SN_OK;
    case 'l':
        a->budget[SN_BUDGET_LATENCY] = argument;
        return SN_OK;
    case 'W':
        a->budget[SN_BUDGET_WEIGHTS] = argument;
        return SN_OK;
    case 'A':
        a->budget[SN_BUDGET_ACTIVATIONS] = argument;
        return SN_OK;
    case 'K':
        a->budget[SN_BUDGET_MACS] = argument;
        return SN_OK;
    case 't':
        a->time = argument;
        return SN_OK;
    case 'G':
        a->target = argument;
        return SN_OK;
    case 'B':
        a->by = argument;
        return SN_OK;
    case 'k':
        a->take = argument;
        return SN_OK;
    case 'L':
        a->controls = true;
        return SN_OK;
    case 'Q':
        return read_count(&a->seeds, "--seeds", argument, SN_COMPARE_SEEDS,
                          err);
    case 'a':
        return read_count(&a->tau, "--tau", argument, SN_TAU_MOST, err);
    case 'U':
        a->rules = argument;
        return SN_OK;
    case 'p':
        a->split = argument;
        return SN_OK;
    case 'M':
        a->confusion = argument;
        return SN_OK;
    case 'C':
        a->csv = true;
        return SN_OK;
    case 'T':
        return read_count(&a->top, "--top", argument, SN_MAX_CLASSES, err);
    case 'N':
        a->onnx = true;
        return SN_OK;
    case 'R':
        a->raw_input = true;
        return SN_OK;
    case 'D':
        a->device = argument;
        return SN_OK;
    case 'd':
        a->dtype = argument;
        return SN_OK;
    case 'P':
        a->resident = true;
        return SN_OK;
    case 'n':
        a->nets = argument;
        return SN_OK;
    case 'Y':
        a->column = argument;
        return SN_OK;
    case 'b':
        return read_count(&a->batch, "--batch", argument, 1 << 20, err);
    case 'm':
        return add_default(a, argument, err);
    case 'f':
        a->force = true;
        return SN_OK;
    case 'v':
        a->verbose = true;
        return SN_OK;
    case 'J':
        a->json = true;
        return SN_OK;
    default:
        a->quiet = true;
        return SN_OK;
    }
}

/* The row of a value that getopt_long() gave, which has it from the rows. */
static const struct flag *find_flag(int value)
{
    int i = 0;
    while (i + 1 < FLAGS && flags[i].value != value)
        i++;
    return &flags[i];
}

/* getopt_long's two tables out of ours. */
static void make_tables(struct option *longs, char *shorts)
{
    *shorts++ = ':';
    for (int i = 0; i < FLAGS; i++) {
        const struct flag *f = &flags[i];
        longs[i] = (struct option){
            f->name, f->argument ? required_argument : no_argument, NULL,
            f->value};
        if (!f->is_short)
            continue;
        *shorts++ = f->value;
        if (f->argument)
            *shorts++ = ':';
    }
    longs[FLAGS] = (struct option){0};
    *shorts = '\0';
}

static sn_status take_operands(struct sn_cli *a, const struct command *c,
                               int argc, char **argv, struct sn_error *err)
{
    const int given = argc - optind, own = c->operand ? 1 : 0;
    if (given > own && !c->more)
        return sn_fail(err, SN_ERR_CONFIG, "%s: '%s' is one argument too many",
                       c->name, argv[optind + own]);
    a->operand = given > 0 ? argv[optind] : NULL;
    a->more = (const char *const *)argv + optind + own;
    a->n_more = given > own ? given - own : 0;
    if (c->operand && (a->operand ? !*a->operand : !c->optional))
        return sn_fail(err, SN_ERR_CONFIG, "%s: expected %s", c->name,
                       c->operand);
    return SN_OK;
}

/* What is wanted: a command to run, or just a text. */
enum wish { RUN, HELP, VERSION };

static sn_status parse(struct sn_cli *a, const struct command *c, int argc,
                       char **argv, enum wish *wish, struct sn_error *err)
{
    struct option longs[FLAGS + 1];
    char shorts[2 * FLAGS + 2];
    int value;
    make_tables(longs, shorts);
    opterr = 0;
    while ((value = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (value == '?')
            return unknown_flag(argv[optind - 1], err);
        if (value == ':')
            return sn_fail(err, SN_ERR_CONFIG, "%s: needs a value",
                           argv[optind - 1]);
        const struct flag *f = find_flag(value);
        if (value == 'h' || value == 'V') {
            *wish = value == 'h' ? HELP : VERSION;
            return SN_OK;
        }
        if (!f->common && !strchr(c->flags, value))
            return sn_fail(err, SN_ERR_CONFIG,
                           "%s has no flag --%s; see supernet %s -h", c->name,
                           f->name, c->name);
        SN_TRY(take_flag(a, value, optarg, err));
    }
    return take_operands(a, c, argc, argv, err);
}

/* ---- running ---- */

static char *join_command(int argc, char **argv)
{
    struct sn_text t = {0};
    for (int i = 0; i < argc; i++)
        sn_text_add(&t, "%s%s", i ? " " : "", argv[i]);
    return sn_text_take(&t);
}

static sn_status run(int argc, char **argv, struct sn_error *err)
{
    const struct command *c = NULL;
    struct sn_cli a = {.isa = sn_cpu_isa()};
    enum wish wish = RUN;
    int words;
    if (argc < 2) {
        SN_TRY(help(NULL, err));
        return sn_fail(err, SN_ERR_CONFIG, "expected a command");
    }
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)
        return help(NULL, err);
    if (strcmp(argv[1], "help") == 0) {
        if (argc > 2)
            SN_TRY(find_command(&c, &words, argv + 2, argc - 2, err));
        return help(c, err);
    }
    if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0)
        return sn_cli_print("supernet " SN_VERSION "\n", err);
    if (argv[1][0] == '-')
        return unknown_flag(argv[1], err);
    SN_TRY(find_command(&c, &words, argv + 1, argc - 1, err));
    char *command = join_command(argc, argv);
    a.command = command;
    sn_status rc = parse(&a, c, argc - words, argv + words, &wish, err);
    if (rc == SN_OK && wish == HELP)
        rc = help(c, err);
    else if (rc == SN_OK && wish == VERSION)
        rc = sn_cli_print("supernet " SN_VERSION "\n", err);
    else if (rc == SN_OK)
        rc = c->run(&a, err);
    free(command);
    return rc;
}

/* A text that lists faults as file:line:col: error: stands for itself. */
static void print_error(const struct sn_error *err)
{
    const bool plain = err->code == SN_INTERRUPTED ||
                       err->code == SN_TERMINATED ||
                       strstr(err->text, ": error: ");
    fprintf(stderr, "%s%s\n", plain ? "" : "error: ", err->text);
}

int main(int argc, char **argv)
{
    static struct sn_error err;
    sn_os_wait_briefly(argv);
    signal(SIGPIPE, SIG_IGN); /* told as failed writes, not as signals */
    signal(SIGXFSZ, SIG_IGN);
    const sn_status rc = run(argc, argv, &err);
    if (rc != SN_OK)
        print_error(&err);
    return (int)rc;
}
