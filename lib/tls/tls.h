/* tls - encrypted streams for server and client, by OpenSSL
 *
 * A struct tls_server or tls_client is made from one reading of the configuration, before
 * the sandbox closes; tls_accept() and tls_connect() then turn a stream that speaks in
 * clear into one that does not (stream_layer), and tell what came of it in a struct
 * tls_facts.  A failed handshake leaves the stream of no use.
 *
 * RFC 3207 (STARTTLS), RFC 8446, RFC 7672 (DANE for SMTP); TLS_README of Postfix.
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include "base/arena.h"
#include "net/stream.h"
#include "tls/facts.h"
#include "tls/policy.h"

struct tls_server;
struct tls_client;
struct tls_dane;

/* Read OpenSSL's own configuration (tls_config_file, tls_config_name), once a process and
 * before the sandbox closes.  False with *E: TLS cannot be had. */
bool tls_library_init(const struct conf *c, struct error *e) MUST_CHECK;

/* --- server.c --- */
/* Keys, authorities and groups of smtpd_tls_... parameters.  NULL with *E (a text that
 * stands alone) when TLS cannot be had.  Reads key files, so as whoever may. */
struct tls_server *tls_server_new(const struct conf *c, struct error *e);
void tls_server_free(struct tls_server *t);

struct tls_accept {
    struct view peer;    /* "name[address]", for the log */
    struct view service; /* keeps the sessions of services with other settings apart */
    bool ask_certificate;
    bool mandatory; /* which protocols and ciphers */
    int loglevel;   /* smtpd_tls_loglevel, or what the maps said */
};
/* The server's handshake on S, whose time-out rules.  Facts live in A.  False: the log
 * was told.  May suspend. */
bool tls_accept(struct tls_server *t, struct stream *s, const struct tls_accept *how,
                struct arena *a, struct tls_facts *facts) MUST_CHECK;

/* From now on take up renewed files; UNREADABLE(ARG), when not NULL, is called when they
 * may not be read any more: a new process must be started.  Needs the loop. */
void tls_server_watch(struct tls_server *t, void (*unreadable)(void *arg), void *arg);

/* --- ticket_link.c --- */
/* From here on ask tlsmgr (tlsmgr_service_name) for the keys of session tickets; where it
 * does not answer the process makes its own. */
void tls_tickets_share(const struct conf *c);

/* --- client.c --- */
struct tls_client *tls_client_new(const struct conf *c, bool lmtp, struct error *e);
void tls_client_free(struct tls_client *t);

/* As tls_server_watch. */
void tls_client_watch(struct tls_client *t);

struct tls_connect {
    struct view peer;    /* "name[address]:port", for the log and the session cache */
    struct view host;    /* the server's name */
    struct view nexthop; /* the domain, without [ ] and port */
    struct view helo;    /* what the server calls itself */
    const struct tls_policy *policy;
    const struct tls_dane *dane; /* TLSA records; NULL unless the level asks for them */
    int loglevel;
};
/* The client's handshake on S.  True when it came to an end, whatever the peer proved:
 * facts->peer tells, and tls_policy_accepts() judges.  False with the log told.  May
 * suspend. */
bool tls_connect(struct tls_client *t, struct stream *s, const struct tls_connect *how,
                 struct arena *a, struct tls_facts *facts) MUST_CHECK;
/* Forget the session that was kept for this server, which turned out badly. */
void tls_forget_session(struct stream *s);

/* The chain that the server of S sent, each certificate with its names and fingerprints
 * above, in PEM, appended to OUT.  False when there is none. */
bool tls_peer_chain(struct stream *s, const struct conf *c,
                    struct str *out) __attribute__((warn_unused_result));

/* --- layer.c --- */
/* Say goodbye (close_notify) as far as that needs no waiting; before stream_close().
 * Nothing on a stream without TLS. */
void tls_bye(struct stream *s);

#endif
