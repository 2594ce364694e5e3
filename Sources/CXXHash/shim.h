#if !__has_include(<xxhash.h>)
#error "xxhash.h is missing: run Tools/bootstrap, or: apt-get install libxxhash-dev"
#endif
#include <xxhash.h>
