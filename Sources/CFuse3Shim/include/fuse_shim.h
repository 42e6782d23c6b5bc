// What Swift cannot call of libfuse: macros, bit fields of wire structures, versioned functions.
#ifndef ALLUXIO_FUSE_SHIM_H
#define ALLUXIO_FUSE_SHIM_H
#endif
