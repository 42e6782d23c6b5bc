#include "linux_memory.h"
