/* load_tls - TLS for the load generator: OpenSSL below a stream, nothing checked */
#ifndef BENCH_LOAD_TLS_H
#define BENCH_LOAD_TLS_H

#include "net/stream.h"

/* Before the first handshake.  RESUME: take up the last session of any connection. */
bool load_tls_init(bool resume);
/* The handshake on S.  May suspend. */
bool load_tls_start(struct stream *s);
/* Handshakes that took up a session. */
uint64_t load_tls_resumed(void);

#endif
