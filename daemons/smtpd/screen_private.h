/* screen_private - what the files of screen share */
#ifndef SMTPD_SCREEN_PRIVATE_H
#define SMTPD_SCREEN_PRIVATE_H

#include "screen.h"

enum screen_test {
    SCREEN_GREET,
    SCREEN_DNSBL,
    SCREEN_PIPELINING,
    SCREEN_COMMAND,
    SCREEN_NEWLINE,
    SCREEN_TESTS
};
#define SCREEN_BIT(test) (1u << (test))
#define SCREEN_DEEP                                                                      \
    (SCREEN_BIT(SCREEN_PIPELINING) | SCREEN_BIT(SCREEN_COMMAND) |                        \
     SCREEN_BIT(SCREEN_NEWLINE))

enum screen_action { SCREEN_IGNORE, SCREEN_ENFORCE, SCREEN_DROP };

struct screen_site {
    struct view zone, filter; /* empty filter: every answer counts */
    int64_t weight;
};

struct screen_memory; /* screen_memory.c */

struct screen {
    const struct conf *conf;
    struct conf *inner;   /* with postscreen_x for smtpd_x */
    struct smtpd *server; /* of the dialogue in the tests */
    struct arena *arena;
    char tag[128], dnsblog_tag[128];
    struct match_list *mynetworks, *allowlist_interfaces;
    struct maps *reply_map; /* postscreen_dnsbl_reply_map */
    struct screen_site *sites;
    size_t n_sites;
    struct screen_memory *memory; /* NULL: nothing is remembered */
    unsigned enabled;             /* SCREEN_BIT of tests */
    enum screen_action actions[SCREEN_TESTS], denylist_action;
    bool respectful;
    uint64_t testing, waiting; /* clients in the tests; behind them, for a session */
    struct slots sessions;
    bool has_sessions;
    bool is_stressed;
};

/* One client under test. */
struct screening {
    struct screen *screen;
    struct session *session; /* of the dialogue */
    struct view address;
    char who[128]; /* "[192.0.2.1]:4711" */
    unsigned todo, passed, failed, skipped;
    int64_t good_until[SCREEN_TESTS]; /* seconds since 1970 */
    bool is_new, is_vetoed, keeps;    /* keeps: gets no session */
    bool is_dropped, hung_up;
    struct view refusal; /* what RCPT gets */
    struct view last;    /* the last reply */
    int64_t began;       /* monotonic */
    struct ipc *anvil;
};

void screen_log(const struct screen *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A test failed: what ACTION means.  False: drop the client with "521 TEXT". */
bool screen_fail(struct screening *k, enum screen_test test, enum screen_action action,
                 const char *text);
void screen_pass(struct screening *k, enum screen_test test, int64_t seconds);
/* "HANGUP after 0.5 from WHO in tests before SMTP handshake". */
void screen_hangup(struct screening *k, const char *phase);
void screen_add_escaped(struct str *out, struct view v);

/* screen_setup.c */
enum screen_verdict { SCREEN_DUNNO, SCREEN_PERMIT, SCREEN_REJECT };
/* postscreen_access_list.  May suspend. */
enum screen_verdict screen_judge(struct screen *s, struct view address);

/* screen_dnsbl.c */
struct screen_score;
/* Ask all lists at once. */
struct screen_score *screen_ask_lists(struct screen *s, struct view address);
/* Have all lists answered?  *SUM: what is known by now. */
bool screen_score_is_whole(const struct screen_score *score, int64_t *sum);
/* What is known by now; the rest is not waited for. *WHERE, in A: the list that weighs
 * most, as clients see it; *TTL in seconds. */
int64_t screen_take_score(struct screen *s, struct screen_score *score, struct arena *a,
                          struct view *where, int64_t *ttl);

/* screen_memory.c */
struct screen_memory *screen_memory_open(const struct conf *c, struct error *e);
void screen_memory_close(struct screen_memory *m);
void screen_memory_sweep(struct screen *s);
/* Times of the tests that ADDRESS passed; false: it is new.  May suspend. */
bool screen_recall(struct screen *s, struct view address, int64_t until[SCREEN_TESTS]);
void screen_remember(struct screen *s, struct view address,
                     const int64_t until[SCREEN_TESTS]);

/* screen_engine.c: talk to the client; tests after the banner.  May suspend. */
void screen_talk(struct screening *k);

#endif
