#if !__has_include(<lmdb.h>)
#error "lmdb.h is missing: run Tools/bootstrap, or: apt-get install liblmdb-dev"
#endif
#include <lmdb.h>
