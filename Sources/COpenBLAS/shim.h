#if !__has_include(<cblas.h>)
#error "cblas.h is missing: run Tools/bootstrap, or: apt-get install libopenblas-dev"
#endif
#include <cblas.h>
