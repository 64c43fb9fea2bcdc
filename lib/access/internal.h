/* internal - what the files of lib/access share */
#ifndef ACCESS_INTERNAL_H
#define ACCESS_INTERNAL_H

#include "access/access.h"
#include "access/rbl_pattern.h"
#include "base/list.h"
#include "table/match.h"

struct access_run;
struct restriction;

/* What one restriction says. */
enum access_says { SAYS_DUNNO, SAYS_PERMIT, SAYS_REFUSE };

/* How a restriction takes an argument. */
enum restriction_argument {
    ARGUMENT_NONE,
    ARGUMENT_TABLE,  /* type:table */
    ARGUMENT_DOMAIN, /* a DNS zone */
    ARGUMENT_NUMBER,
    ARGUMENT_POLICY, /* an end point, or { end point, name=value ... } */
};

struct restriction_type {
    const char *name;
    enum restriction_argument argument;
    enum access_says (*ask)(struct access_run *run, const struct restriction *r);
};

struct policy_service;
struct policy_set;

struct restriction {
    const struct restriction_type *type;
    struct view text; /* as written, for messages */
    struct view argument;
    struct table *table;              /* ARGUMENT_TABLE */
    int64_t number;                   /* ARGUMENT_NUMBER */
    struct policy_service *policy;    /* ARGUMENT_POLICY */
    struct restriction_list *sublist; /* a restriction class */
};

struct restriction_list {
    struct restriction *items;
    size_t n;
    struct view title; /* parameter or class name */
};

struct access {
    const struct conf *conf;
    struct rewrite *rewrite;
    struct recipients *recipients;
    struct arena *arena; /* lists and names */
    struct restriction_list stages[ACCESS_STAGES];
    struct match_list *mynetworks, *mx_backup_networks;
    struct match_list *logged_permits; /* smtpd_log_access_permit_actions */
    struct maps *rbl_replies;          /* rbl_reply_maps */
    struct maps *sender_logins;        /* smtpd_sender_login_maps */
    struct maps *client_certs;         /* relay_clientcerts */
    struct policy_set *policies;       /* those that any list names */
    bool parents_match_subdomains;     /* smtpd_access_maps in
                                          parent_domain_matches_subdomains */
};

/* One evaluation. */
struct access_run {
    struct error
        error; /* of the look-up at hand; here since lists nest on small stacks */
    struct access *access;
    const struct access_subject *subject;
    struct arena *arena;
    struct access_memory *memory;
    struct access_outcome *outcome;
    enum access_stage stage;
    unsigned depth;          /* of the list at hand */
    unsigned warn_depth;     /* lists from here on only log refusals; 0 none */
    int64_t points;          /* what the next refusal adds to the score */
    enum access_stage about; /* what the list at hand refuses by default */
    struct view table_name;  /* of a list that a table named, with its class */
    const char *table_class; /* NULL: the list is a stage's own */
    bool recipient_checked;  /* an unlisted-recipient check ran */
    bool sender_checked;
};

/* list.c: compile LIST; false with *E. */
bool restriction_list_compile(struct access *a, struct view title, struct view text,
                              unsigned depth, struct restriction_list *out,
                              struct error *e);
void restriction_list_done(struct restriction_list *l);
const struct restriction_type *restriction_type_find(struct view name);
extern const struct restriction_type restriction_types[];

/* run.c */
enum access_says access_run_list(struct access_run *run,
                                 const struct restriction_list *l);
/* Refuse with CODE, STATUS and text; honours soft warnings and defer_if_reject.  The
 * result is what the restriction returns. */
enum access_says access_refuse(struct access_run *run, int code, const char *status,
                               const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Remember a soft failure that matters only when the request would otherwise be permitted
 * / refused. */
enum access_says access_defer_if_permit(struct access_run *run, const char *status,
                                        const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum access_says access_defer_if_reject(struct access_run *run, const char *status,
                                        const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A look-up failed for a while: ACTION is a parameter like
 * unknown_address_tempfail_action. */
enum access_says access_tempfail(struct access_run *run, enum parameter action,
                                 const char *status, const char *text);
/* The same with the reply code CODE. */
enum access_says access_tempfail_code(struct access_run *run, enum parameter action,
                                      int code, const char *status, const char *text);
void access_log(struct access_run *run, const char *action, struct view reply_or_text);
/* Tell the trail what RESTRICTION (with ARGUMENT) of LIST said. */
void access_tell(struct access_run *run, struct view list, struct view restriction,
                 struct view argument, enum access_says says);
/* A permit that may be logged: "action=NAME for CLASS=WHO" and, when not NULL, "from
 * TABLE". */
enum access_says access_permit(struct access_run *run, struct view name,
                               enum access_stage about, const char *table);
/* As access_refuse at the end of a policy's or a table's own reply: CODE STATUS TEXT with
 * the status in the class of ABOUT. */
void access_fix_status(char status[12], enum access_stage about);
/* Would the recipient be one of ours, so that a list of good hosts may let it pass? */
bool access_is_for_us(struct access_run *run);
void access_add_effect(struct access_run *run, enum access_effect_kind kind,
                       struct view value);
/* "<who>: Class rejected" parts of this stage: client, HELO name, sender or recipient. */
struct view access_reply_name(const struct access_run *run, enum access_stage stage);
const char *access_reply_class(enum access_stage stage);
/* Those of the list at hand: of its stage, or of what led to it through a table. */
struct view access_about_name(const struct access_run *run);
const char *access_about_class(const struct access_run *run);
/* The class of names that a client has by DNS and that do not lead back to it. */
#define ACCESS_UNVERIFIED_CLIENT "Unverified Client host"

/* tables.c: access(5) look-ups. */
enum access_says ask_client_access(struct access_run *run, const struct restriction *r);
enum access_says ask_reverse_client_access(struct access_run *run,
                                           const struct restriction *r);
enum access_says ask_helo_access(struct access_run *run, const struct restriction *r);
enum access_says ask_sender_access(struct access_run *run, const struct restriction *r);
enum access_says ask_recipient_access(struct access_run *run,
                                      const struct restriction *r);
enum access_says ask_etrn_access(struct access_run *run, const struct restriction *r);
/* NAME and its parents, or ADDRESS and its networks, in the table of R; false when there
 * is nothing.  May suspend. */
bool access_try_domain(struct access_run *run, const struct restriction *r,
                       struct view name, struct view reply_name, const char *class,
                       enum access_stage about, enum access_says *says);
bool access_try_address(struct access_run *run, const struct restriction *r,
                        struct view address, struct view reply_name, const char *class,
                        enum access_stage about, enum access_says *says);
/* KEY as a whole. */
bool access_try_whole(struct access_run *run, const struct restriction *r,
                      struct view key, struct view reply_name, const char *class,
                      enum access_stage about, enum access_says *says);
/* checks_servers.c: the same for the hosts behind a name: check_XXX_YYY_access with YYY
 * a, mx, ns. */
enum access_says ask_servers(struct access_run *run, const struct restriction *r);
/* action.c: do what the right-hand side says. */
enum access_says access_action(struct access_run *run, struct view table,
                               struct view value, struct view key, struct view reply_name,
                               const char *reply_class, enum access_stage about);

/* policy.c: a delegated policy server.  ARGUMENT as written behind check_policy_service;
 * one service per end point and set of options.  NULL with *E. */
struct policy_service *policy_open(struct access *a, struct view argument,
                                   struct error *e);
struct policy_set *policy_set_new(void);
void policy_set_free(struct policy_set *set);
enum access_says ask_policy_service(struct access_run *run, const struct restriction *r);

/* rbl.c: DNS lists. */
enum access_says ask_reject_rbl(struct access_run *run, const struct restriction *r);
enum access_says ask_reject_maps_rbl(struct access_run *run, const struct restriction *r);
enum access_says ask_permit_dnswl(struct access_run *run, const struct restriction *r);
enum access_says ask_permit_rhswl(struct access_run *run, const struct restriction *r);
enum access_says ask_reject_rhsbl(struct access_run *run, const struct restriction *r);

/* checks_verify.c: address verification. */
enum access_says ask_reject_unverified_sender(struct access_run *run,
                                              const struct restriction *r);
enum access_says ask_reject_unverified_recipient(struct access_run *run,
                                                 const struct restriction *r);

/* checks_login.c: certificates, encryption, who may use which sender. */
enum access_says ask_permit_tls_clientcerts(struct access_run *run,
                                            const struct restriction *r);
enum access_says ask_permit_tls_all_clientcerts(struct access_run *run,
                                                const struct restriction *r);
enum access_says ask_ccert_access(struct access_run *run, const struct restriction *r);
enum access_says ask_sasl_access(struct access_run *run, const struct restriction *r);
enum access_says ask_reject_plaintext(struct access_run *run,
                                      const struct restriction *r);
enum access_says ask_sender_login(struct access_run *run, const struct restriction *r);

/* checks_*.c: the named restrictions. */
enum access_says ask_permit_mynetworks(struct access_run *run,
                                       const struct restriction *r);
enum access_says ask_permit_inet_interfaces(struct access_run *run,
                                            const struct restriction *r);
enum access_says ask_permit_sasl(struct access_run *run, const struct restriction *r);
enum access_says ask_reject_unknown_client(struct access_run *run,
                                           const struct restriction *r);
enum access_says ask_reject_unknown_reverse(struct access_run *run,
                                            const struct restriction *r);
enum access_says ask_reject_invalid_helo(struct access_run *run,
                                         const struct restriction *r);
enum access_says ask_reject_non_fqdn_helo(struct access_run *run,
                                          const struct restriction *r);
enum access_says ask_reject_unknown_helo(struct access_run *run,
                                         const struct restriction *r);
enum access_says ask_reject_non_fqdn_sender(struct access_run *run,
                                            const struct restriction *r);
enum access_says ask_reject_non_fqdn_recipient(struct access_run *run,
                                               const struct restriction *r);
enum access_says ask_reject_unknown_sender(struct access_run *run,
                                           const struct restriction *r);
enum access_says ask_reject_unknown_recipient(struct access_run *run,
                                              const struct restriction *r);
enum access_says ask_reject_unlisted_sender(struct access_run *run,
                                            const struct restriction *r);
enum access_says ask_reject_unlisted_recipient(struct access_run *run,
                                               const struct restriction *r);
enum access_says ask_reject_multi_recipient_bounce(struct access_run *run,
                                                   const struct restriction *r);
enum access_says ask_check_relay_domains(struct access_run *run,
                                         const struct restriction *r);
enum access_says ask_reject_unauth_destination(struct access_run *run,
                                               const struct restriction *r);
enum access_says ask_defer_unauth_destination(struct access_run *run,
                                              const struct restriction *r);
enum access_says ask_permit_auth_destination(struct access_run *run,
                                             const struct restriction *r);
enum access_says ask_permit_mx_backup(struct access_run *run,
                                      const struct restriction *r);
enum access_says ask_permit_naked_ip(struct access_run *run, const struct restriction *r);
enum access_says ask_reject_unknown_forward(struct access_run *run,
                                            const struct restriction *r);
enum access_says ask_reject_helo_mismatch(struct access_run *run,
                                          const struct restriction *r);
enum access_says ask_reject_helo_without_mx(struct access_run *run,
                                            const struct restriction *r);
enum access_says ask_reject_unauth_pipelining(struct access_run *run,
                                              const struct restriction *r);
enum access_says ask_permit(struct access_run *run, const struct restriction *r);
enum access_says ask_reject(struct access_run *run, const struct restriction *r);
enum access_says ask_defer(struct access_run *run, const struct restriction *r);
enum access_says ask_defer_if_permit(struct access_run *run, const struct restriction *r);
enum access_says ask_defer_if_reject(struct access_run *run, const struct restriction *r);
enum access_says ask_warn_if_reject(struct access_run *run, const struct restriction *r);
enum access_says ask_score_if_reject(struct access_run *run, const struct restriction *r);
enum access_says ask_reject_score(struct access_run *run, const struct restriction *r);
enum access_says ask_sleep(struct access_run *run, const struct restriction *r);

#endif
