/* private - what the mechanisms of lib/sasl share */
#ifndef SASL_PRIVATE_H
#define SASL_PRIVATE_H

#include "base/str.h"
#include "sasl/sasl.h"
#include "sasl/scram_keys.h"

/* The servers' ends: one dialogue each. */
enum sasl_outcome sasl_serve_plain(struct sasl_server *s);
enum sasl_outcome sasl_serve_login(struct sasl_server *s);
enum sasl_outcome sasl_serve_external(struct sasl_server *s);
enum sasl_outcome sasl_serve_cram_md5(struct sasl_server *s);
enum sasl_outcome sasl_serve_scram(struct sasl_server *s, enum scram_hash hash,
                                   bool is_plus);
enum sasl_outcome sasl_serve_xoauth2(struct sasl_server *s);
enum sasl_outcome sasl_serve_oauthbearer(struct sasl_server *s);

/* The first message of a mechanism whose client speaks first. */
bool sasl_first(struct sasl_server *s, struct view *answer);
/* An acceptable login name: not empty, not too long, UTF-8 without control bytes. */
bool sasl_is_name(struct view name);
/* PASSWORD of s->user against what is known of it. */
enum sasl_outcome sasl_check(struct sasl_server *s, struct view password);
enum sasl_outcome sasl_outcome_of(enum result r);

/* HMAC-MD5 of CHALLENGE under PASSWORD, in hexadecimal (RFC 2195 2). */
bool sasl_cram_md5(struct view password, struct view challenge, char out[33]) MUST_CHECK;

/* SCRAM, both ends. */
/* The value of attribute NAME= at the front of *REST ("r=abc,s=..."). */
bool scram_attribute(struct view *rest, char name, struct view *value);
/* "a=b,c" to "a=3Db=2Cc", and back (false: malformed). */
struct view scram_escape(struct arena *a, struct view name);
bool scram_unescape(struct arena *a, struct view escaped, struct view *name);
struct view scram_nonce(struct arena *a);
struct view scram_base64(struct arena *a, struct view raw);
bool scram_unbase64(struct arena *a, struct view text, struct view *raw);
const struct sasl_binding *sasl_find_binding(const struct sasl_binding *b, size_t n,
                                             struct view type);

bool scram_client_first(struct sasl_client *c, struct view *out);
bool scram_client_final(struct sasl_client *c, struct view challenge, struct view *out,
                        struct error *e) MUST_CHECK;
bool scram_client_verify(struct sasl_client *c, struct view challenge,
                         struct error *e) MUST_CHECK;

#endif
