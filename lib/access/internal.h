/* internal - what the files of lib/access share */
#ifndef ACCESS_INTERNAL_H
#define ACCESS_INTERNAL_H

#include "access/access.h"

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
};

struct restriction_type {
    const char *name;
    enum restriction_argument argument;
    enum access_says (*ask)(struct access_run *run, const struct restriction *r);
};

struct restriction {
    const struct restriction_type *type;
    struct view text; /* as written, for messages */
    struct view argument;
    struct table *table;              /* ARGUMENT_TABLE */
    int64_t number;                   /* ARGUMENT_NUMBER */
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
    bool parents_match_subdomains; /* smtpd_access_maps in
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
    bool warn_if_reject; /* the next refusal is only logged */
    unsigned depth;
    bool recipient_checked; /* an unlisted-recipient check ran */
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
void access_log(struct access_run *run, const char *action, struct view reply_or_text);
void access_add_effect(struct access_run *run, enum access_effect_kind kind,
                       struct view value);
/* "<who>: Class rejected" parts of this stage: client, HELO name, sender or recipient. */
struct view access_reply_name(const struct access_run *run, enum access_stage stage);
const char *access_reply_class(enum access_stage stage);

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
/* checks_servers.c: the same for the hosts behind a name: check_XXX_YYY_access with YYY
 * a, mx, ns. */
enum access_says ask_servers(struct access_run *run, const struct restriction *r);
/* action.c: do what the right-hand side says. */
enum access_says access_action(struct access_run *run, struct view table,
                               struct view value, struct view key, struct view reply_name,
                               const char *reply_class, enum access_stage about);

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
enum access_says ask_reject_unauth_destination(struct access_run *run,
                                               const struct restriction *r);
enum access_says ask_defer_unauth_destination(struct access_run *run,
                                              const struct restriction *r);
enum access_says ask_permit_auth_destination(struct access_run *run,
                                             const struct restriction *r);
enum access_says ask_permit_mx_backup(struct access_run *run,
                                      const struct restriction *r);
enum access_says ask_reject_unauth_pipelining(struct access_run *run,
                                              const struct restriction *r);
enum access_says ask_permit(struct access_run *run, const struct restriction *r);
enum access_says ask_reject(struct access_run *run, const struct restriction *r);
enum access_says ask_defer(struct access_run *run, const struct restriction *r);
enum access_says ask_defer_if_permit(struct access_run *run, const struct restriction *r);
enum access_says ask_defer_if_reject(struct access_run *run, const struct restriction *r);
enum access_says ask_warn_if_reject(struct access_run *run, const struct restriction *r);
enum access_says ask_sleep(struct access_run *run, const struct restriction *r);

#endif
