// The low-level SHA-256 calls are deprecated in OpenSSL 3 but, unlike EVP, keep a cheap, copyable state: a
// signing key is hashed once and its state re-used for every request.
#ifndef ALLUXIO_CRYPTO_H
#define ALLUXIO_CRYPTO_H
#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#endif
