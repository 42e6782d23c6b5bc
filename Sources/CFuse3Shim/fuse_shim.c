#include "fuse_shim.h"
