/* explain - what the files of `diligence explain` share
 *
 * explain.c asks the very code of the server, explain_milter.c the milters,
 * explain_message.c runs an accepted message through the filter and the router,
 * explain_show.c tells what came of it, explain_hint.c what would change that.
 */
#ifndef DILIGENCE_EXPLAIN_H
#define DILIGENCE_EXPLAIN_H

#include "access/milters.h"
#include "base/str.h"
#include "diligence.h"
#include "run/trail.h"

/* A step as it is kept. */
struct told {
    enum trail_kind kind;
    struct view where, asked, answer, reply;
    unsigned line;
    bool is_log; /* a line that the log of the server would have: ANSWER */
    struct told *next;
};

enum explain_form { EXPLAIN_TEXT, EXPLAIN_JSON };

struct explanation {
    const struct control *control;
    const char *client, *helo, *from, *to, *user, *message, *service;
    enum explain_form form;
    struct arena *arena;
    struct view service_name; /* that is meant, in master.cf */
    struct conf *conf;        /* with the overrides of the service */
    struct rewrite *rewrite;
    struct recipients *recipients;
    struct access *access;
    struct access_subject subject;
    struct access_milters *all_milters;
    struct milter_list *own_milters; /* from smtpd_milter_maps */
    struct milters *milters;         /* of the client; NULL: none */
    struct view milter_refusal;      /* of the recipient that milters are told of */
    struct access_effect *effects;   /* what the message would get */
    const char *stage;               /* what is being asked: "RCPT" */
    struct told *first, *last;       /* since the last verdict */
    struct str out;                  /* the report, in its form */
    bool has_items;                  /* JSON: in the list at hand */
    bool is_refused;
    struct view reply;                      /* the refusal */
    enum trail_kind decided_kind;           /* restriction or milter */
    struct view decided_list, decided_by;   /* that said so */
    struct view decided_table, decided_key; /* and the entry it found; empty: none */
    unsigned decided_line;
    int status;
};

/* --- explain_show.c --- */
/* Take STEP; a restriction's verdict is written with all that was consulted for it. */
void show_step(void *arg, const struct trail_step *step);
/* A new stage or section begins, and ends. */
void show_section(struct explanation *x, const char *name);
void show_section_end(struct explanation *x);
/* "name: value" with what was consulted for it. */
void show_fact(struct explanation *x, const char *name, struct view value);
void show_verdict(struct explanation *x);
/* Forget what was consulted. */
void show_forget(struct explanation *x);
/* Keep a line of the log. */
void show_log(struct explanation *x, const char *text);

/* --- explain_hint.c --- */
/* The line of TABLE's source file where KEY stands; 0 when that cannot be said. */
unsigned table_line(const struct conf *c, struct view table, struct view key);
/* The line of main.cf where PARAMETER is set; 0: it is not. */
unsigned parameter_line(const struct conf *c, struct view parameter);
/* What would change the outcome, into OUT. */
void hint(const struct explanation *x, struct str *out);

/* --- explain_milter.c --- */
/* The client's milters hear of it, of its name, sender and recipient, and that content
 * comes.  True: refused, in OUT.  May suspend. */
bool ask_milters_connect(struct explanation *x, struct access_outcome *out);
bool ask_milters_helo(struct explanation *x, struct access_outcome *out);
bool ask_milters_mail(struct explanation *x, struct access_outcome *out);
/* What OUT refuses already they are told as a refusal. */
bool ask_milters_rcpt(struct explanation *x, struct access_outcome *out);
bool ask_milters_data(struct explanation *x, struct access_outcome *out);
/* Behind a refusal: which milter said it, for the hint.  False: none did. */
bool note_milter(struct explanation *x);
/* Say good-bye.  May suspend. */
void leave_milters(struct explanation *x);

/* --- explain_message.c --- */
/* EFFECTS are asked for, too. */
void add_effects(struct explanation *x, struct access_effect *effects);
/* Addresses, checks, milters, where it goes.  May suspend. */
void follow_message(struct explanation *x);

#endif
