// libcurl's variadic calls as plain functions.
#ifndef ALLUXIO_CURL_SHIM_H
#define ALLUXIO_CURL_SHIM_H
#endif
