#if !__has_include(<cblas.h>)
#error "cblas.h is missing: run Tools/bootstrap, or: apt-get install libopenblas-dev"
#endif
#include <cblas.h>
#include <stddef.h>

/* LAPACK's eigenvalues of a symmetric matrix, which OpenBLAS contains; the header for it is in a
   package of its own. The last two arguments are the lengths of the texts, as Fortran passes them. */
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info,
             size_t jobz_length, size_t uplo_length);
