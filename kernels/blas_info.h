#ifndef SN_KERNELS_BLAS_INFO_H
#define SN_KERNELS_BLAS_INFO_H

/* Which OpenBLAS was loaded.  Only its OpenMP build shares the program's
 * threads: the pthread one would start as many again for every product. */

typedef enum {
    SN_BLAS_SERIAL,
    SN_BLAS_PTHREAD,
    SN_BLAS_OPENMP
} sn_blas_threading;

sn_blas_threading sn_blas_threads_by(void);

/* Its version and build, as it describes itself; static storage. */
const char *sn_blas_config(void);

#endif
