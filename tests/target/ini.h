#ifndef SN_TESTS_TARGET_INI_H
#define SN_TESTS_TARGET_INI_H

/* A shipped description, read key by key: the target room may not know the
 * config room. */

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "target/npu.h"

/* Every key of the table must stand in the file, each once, no other. */
static inline void read_npu(struct sn_npu *npu, const char *path)
{
    const char *line = check_read(path, NULL);
    size_t seen = 0;
    sn_option_defaults(&sn_npu_options, npu);
    for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char key[32], value[32];
        if (sscanf(line, "%31[a-z_] = %31[^#\n]", key, value) != 2)
            continue; /* comment, section or blank line */
        for (size_t i = strlen(value); i > 0 && value[i - 1] == ' '; i--)
            value[i - 1] = '\0';
        const struct sn_option *o = sn_option_find(&sn_npu_options, key);
        assert_non_null(o);
        struct sn_error err = {0};
        check_ok(sn_option_parse(o, npu, value, NULL, &err), &err);
        seen++;
    }
    assert_int_equal(seen, sn_npu_options.count);
}

#endif
