/* Which instruction sets are found, and which a name selects. */
#include "kernel_check.h"

static const unsigned every_set = SN_ISA_PORTABLE | SN_ISA_AVX2 |
                                  SN_ISA_AVX512 | SN_ISA_AVX512BF16 |
                                  SN_ISA_AMX;

static void check_found(void **state)
{
    const unsigned found = sn_cpu_isa();
    (void)state;
    assert_true(found & SN_ISA_PORTABLE);
    assert_int_equal(found & ~every_set, 0);
    if (found & SN_ISA_AVX512) /* each set includes those below it */
        assert_true(found & SN_ISA_AVX2);
}

static void check_lower(void **state)
{
    const unsigned plain = SN_ISA_PORTABLE, avx2 = plain | SN_ISA_AVX2;
    const unsigned untouched = 77;
    unsigned isa = untouched;
    (void)state;

    assert_int_equal(sn_cpu_lower(every_set, "sse", &isa), -1);
    assert_int_equal(sn_cpu_lower(every_set, "", &isa), -1);
    assert_int_equal(sn_cpu_lower(every_set, "AVX2", &isa), -1);
    assert_int_equal(sn_cpu_lower(avx2, "avx512", &isa), -2);
    assert_int_equal(sn_cpu_lower(plain, "avx2", &isa), -2);
    assert_int_equal(sn_cpu_lower(SN_ISA_REF, "portable", &isa), -2);
    assert_int_equal(isa, untouched);

    assert_int_equal(sn_cpu_lower(every_set, "ref", &isa), 0);
    assert_int_equal(isa, SN_ISA_REF);
    assert_int_equal(sn_cpu_lower(every_set, "portable", &isa), 0);
    assert_int_equal(isa, plain);
    assert_int_equal(sn_cpu_lower(every_set, "avx2", &isa), 0);
    assert_int_equal(isa, avx2);
    assert_int_equal(sn_cpu_lower(every_set, "avx512", &isa), 0);
    assert_int_equal(isa, avx2 | SN_ISA_AVX512);
    assert_int_equal(sn_cpu_lower(every_set, "avx512bf16", &isa), 0);
    assert_int_equal(isa, every_set & ~(unsigned)SN_ISA_AMX);
    assert_int_equal(sn_cpu_lower(every_set, "amx", &isa), 0);
    assert_int_equal(isa, every_set);
}

/* Every slot but the one that may be empty is filled at every set, and the
 * log's word is right. */
static void check_table(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT(kernel_isa); i++) {
        struct sn_kernels k;
        memset(&k, 0, sizeof k);
        sn_kernels_init(&k, kernel_isa[i].set);
        for (size_t at = 0; at < offsetof(struct sn_kernels, product_pairs);
             at += sizeof k.product) {
            sn_product_fn *slot; /* any function: only NULL is looked for */
            memcpy(&slot, (const char *)&k + at, sizeof slot);
            assert_true(slot != NULL);
        }
        const char *name = kernel_isa[i].name;
#ifndef __x86_64__
        if (i > 0) /* nothing is above plain vectors */
            name = "portable";
#endif
        assert_string_equal(k.isa, name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_found),
        cmocka_unit_test(check_lower),
        cmocka_unit_test(check_table),
    };
    return cmocka_run_group_tests_name("kernels cpu", tests, NULL, NULL);
}
