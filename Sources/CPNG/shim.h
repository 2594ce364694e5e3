#if !__has_include(<png.h>)
#error "png.h is missing: run Tools/bootstrap, or: apt-get install libpng-dev"
#endif
#include <png.h>
