/* cleanup_private - one message on its way through the filter
 *
 * Private to lib/cleanup.  setup.c opens the tables, cleanup.c holds the calls of
 * cleanup.h, content.c takes lines, header.c looks at headers, missing.c adds headers,
 * checks.c runs the actions of header_checks(5), address.c maps single addresses,
 * expand.c makes recipients.  milter.c asks milters, milter_edit.c does what they want.
 */
#ifndef CLEANUP_CLEANUP_PRIVATE_H
#define CLEANUP_CLEANUP_PRIVATE_H

#include "cleanup/cleanup.h"

#include "base/hash.h"
#include "format/header.h"
#include "format/mime.h"

/* Where an address stands: canonical_classes, masquerade_classes and their like. */
enum place {
    PLACE_ENVELOPE_SENDER = 1,
    PLACE_ENVELOPE_RECIPIENT = 2,
    PLACE_HEADER_SENDER = 4,
    PLACE_HEADER_RECIPIENT = 8
};

/* A table of addresses with the name of its parameter. */
struct mapping {
    struct maps *maps;
    const char *title;
    unsigned places; /* enum place */
    bool propagate;  /* an unmatched address extension goes on */
};

struct byte_set {
    bool has[256];
    bool is_empty;
};

struct cleanup_setup {
    const struct conf *conf;
    struct rewrite *rewrite;
    struct mapping sender_canonical, recipient_canonical, canonical, virtual_alias;
    struct mapping sender_bcc, recipient_bcc;
    struct maps *header_checks, *mime_header_checks, *nested_header_checks, *body_checks;
    struct maps *milter_header_checks;
    struct milter_list *milters; /* non_smtpd_milters */
    bool milters_are_bad;        /* they cannot be understood */
    struct match_list *masquerade_exceptions;
    unsigned masquerade_places;
    struct byte_set reject, strip;
    struct view drop_headers, masquerade_domains, undisclosed, always_bcc, myhostname;
    struct view empty_recipient;
    int64_t hopcount_limit, size_limit, body_checks_limit, token_limit, duplicates_limit;
    int64_t recursion_limit, expansion_limit, address_length_limit;
    bool always_add_missing, replace_stray, keep_original, disable_mime, utf8,
        external_log;
    bool strict_header, strict_body, strict_encoding, long_ids, obsolete_from,
        remote_rewrite, detect_8bit, downgrade;
    enum { HEADER_END_FIX, HEADER_END_TELL, HEADER_END_REJECT } header_end;
    struct view name_charset; /* of full names */
    struct mime_limits limits;
    char tag[128]; /* of log lines: "postfix/cleanup" */
};

/* Why the message will not be taken; several may come together. */
enum fault {
    FAULT_DEFER = 1,       /* not now, with a reason */
    FAULT_SIZE = 2,        /* message_size_limit */
    FAULT_HOPS = 4,        /* hopcount_limit */
    FAULT_CONTENT = 8,     /* REJECT, MIME */
    FAULT_RECIPIENTS = 16, /* there is none */
    FAULT_TABLE = 32       /* a table did not answer */
};

struct recipient_list {
    struct recipient *items;
    size_t n, cap;
};
struct address_bag {
    struct view *items;
    size_t n, cap;
};

struct cleanup {
    struct cleanup_setup *setup;
    struct draft *draft;
    struct arena *arena;   /* the whole message */
    struct arena *scratch; /* one header, one recipient */
    struct envelope envelope;
    unsigned flags, faults; /* CLEANUP_..., FAULT_... */
    unsigned reason_fault;  /* whose reason is kept */
    bool is_discarded;
    char status[12]; /* of the reason */
    struct view reason;
    struct view full_name, last_recipient;
    enum rewrite_context header_context; /* REWRITE_NONE: leave headers alone */
    /* content */
    struct mime *mime;
    struct str out, line; /* towards the draft; a line being changed */
    bool begins;          /* the client's content starts with the next line */
    bool in_piece;
    bool is_body_only; /* nothing more to look for: lines go straight out */
    bool part_written; /* pieces of a body line went out, its end did not */
    bool is_new_part;  /* a MIME boundary was just met */
    uint64_t seen;     /* bit of each enum header_id met in the primary header */
    bool is_resent;
    unsigned hops;
    size_t segment; /* body offset where the current MIME part began */
    /* recipients */
    struct recipient_list recipients;
    struct hash *duplicates;
    struct address_bag extracted, resent, bcc;
    unsigned extract_notify; /* NOTIFY_... of the recipients that headers give */
    /* milters */
    struct milters *milters;        /* of the caller's session; NULL: none */
    struct str *milter_reply;       /* the caller's */
    struct address_bag for_milters; /* CLEANUP_MILTERS: recipients before expansion */
};

_Static_assert(HEADER_ID_COUNT <= 64, "headers seen fit a word");

/* --- cleanup.c --- */
/* The first reason stays; a refusal for now wins over one for good. */
void cleanup_fail(struct cleanup *c, enum fault fault, const char *status,
                  struct view reason);
void cleanup_table_failed(struct cleanup *c, const char *title, struct view key);
const char *cleanup_id(const struct cleanup *c);

/* --- content.c --- */
void content_open(struct cleanup *c);
void content_line(struct cleanup *c, struct view line, bool last);
/* What mime still holds, the missing headers and all output. */
void content_end(struct cleanup *c);
void content_close(struct cleanup *c);
/* Output: bytes as they are, a whole line. */
void content_write(struct cleanup *c, struct view v);
void content_write_line(struct cleanup *c, struct view line);

/* --- header.c: the events of mime --- */
void header_event(void *context, enum mime_class class, const struct header_type *type,
                  struct view text, size_t offset);

/* --- missing.c --- */
void missing_headers_add(struct cleanup *c);

/* --- checks.c --- */
enum check_context { CHECK_HEADER, CHECK_BODY, CHECK_CONTENT, CHECK_MILTER_HEADER };
enum check_result {
    CHECK_KEEP,   /* the text goes on as it is */
    CHECK_DROP,   /* it goes */
    CHECK_REPLACE /* *REPLACEMENT takes its place */
};
/* Run the action VALUE that TEXT met in the table of parameter TITLE. */
enum check_result check_act(struct cleanup *c, enum check_context context,
                            struct view text, struct view value, const char *title,
                            struct view *replacement);
/* Look TEXT up and act. */
enum check_result check_text(struct cleanup *c, struct maps *m,
                             enum check_context context, struct view text,
                             const char *title, struct view *replacement);
void check_log_mime_fault(struct cleanup *c, enum mime_fault fault, struct view text);

/* --- milter.c --- */
/* The message is complete: milters look at it, and it becomes what they make of it.  May
 * suspend. */
void milters_inspect(struct cleanup *c);
/* "ID: milter-reject: END-OF-MESSAGE from client: TEXT; from=<> ..." */
void milter_log(const struct cleanup *c, const char *action, const char *event,
                struct view text);
/* The client as milters and their log lines see it: our own mail comes from localhost. */
struct view milter_client_name(const struct cleanup *c);
struct view milter_client_address(const struct cleanup *c);

/* --- milter_edit.c --- */
/* Show it to M, and keep what they change.  May suspend. */
struct milter_reply milters_edit(struct cleanup *c, struct milters *m);

/* --- address.c --- */
/* ADDRESS as it becomes at PLACE: standard form, canonical maps, masquerading.  In the
 * arena A. */
struct view address_map_all(struct cleanup *c, enum place place, struct view address,
                            struct arena *a);

/* --- expand.c --- */
/* A recipient after canonical mapping: virtual aliases, duplicates, the list. */
void recipient_expand(struct cleanup *c, const struct recipient *recipient);
/* A copy for nobody to be told of (NOTIFY=NEVER). */
void recipient_add_bcc(struct cleanup *c, struct view address);
/* Look ADDRESS up in a *_bcc_maps table. */
void recipient_find_bcc(struct cleanup *c, const struct mapping *m, struct view address);
/* All that stand for ADDRESS as it was given. */
void recipients_remove(struct cleanup *c, struct view address);
void address_bag_add(struct address_bag *bag, struct view address, struct arena *a);

#endif
