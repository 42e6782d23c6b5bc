// The one place that says which libfuse API is used. Do not define _FILE_OFFSET_BITS here: another module
// sees struct flock without it.
#ifndef ALLUXIO_CFUSE3_H
#define ALLUXIO_CFUSE3_H
#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#endif
