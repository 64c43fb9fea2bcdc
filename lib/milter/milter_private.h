/* milter_private - one milter and its connection
 *
 * Private to lib/milter.  list.c reads the configuration, client.c talks to one milter,
 * message.c shows it a message, milter.c asks all of them, trail.c tells of it.
 */
#ifndef MILTER_MILTER_PRIVATE_H
#define MILTER_MILTER_PRIVATE_H

#include "milter/milter.h"

#include "base/arena.h"
#include "milter/packet.h"
#include "milter/protocol.h"
#include "net/stream.h"

enum milter_failure {
    FAILURE_ACCEPT,
    FAILURE_REJECT,
    FAILURE_TEMPFAIL,
    FAILURE_QUARANTINE,
    FAILURE_SHUTDOWN
};

/* Macro lists: those that a milter may choose itself (in the order of SETSYMLIST), then
 * ours alone. */
enum milter_stage {
    STAGE_CONNECT,
    STAGE_HELO,
    STAGE_MAIL,
    STAGE_RCPT,
    STAGE_DATA,
    STAGE_END_OF_DATA,
    STAGE_END_OF_HEADER,
    STAGE_UNKNOWN,
    STAGES,
    STAGE_NONE = STAGES
};

/* A milter as configured. */
struct milter {
    struct milter *next;
    const char *name;                                          /* "inet:127.0.0.1:8891" */
    int64_t connect_timeout, command_timeout, content_timeout; /* microseconds */
    enum milter_failure failure;
    uint32_t version, actions, steps; /* what we offer */
};

struct milter_list {
    const struct conf *conf;
    struct arena *arena;
    struct milter *first;
};

enum client_state {
    CLIENT_NEW,      /* not yet connected */
    CLIENT_READY,    /* asks for all */
    CLIENT_ACCEPTED, /* takes the message as it is: nothing more to ask for it */
    CLIENT_CONTENT,  /* takes whatever comes on this connection */
    CLIENT_REFUSES,  /* said no to the connection: `fixed` answers all */
    CLIENT_FAILED    /* is gone: `fixed` answers all */
};

struct client {
    struct client *next;
    const struct milter *milter;
    struct milters *all;
    struct stream *stream;
    enum client_state state;
    struct milter_reply fixed;
    uint32_t steps, version;
    bool in_message;       /* MAIL was told: ABORT would make sense */
    char skipped;          /* the command that it wants no more of; 0 none */
    bool body_is_replaced; /* a first piece came */
    bool has_held;         /* it wants the message to be held */
    struct view macros[STAGES];
    struct str packet; /* the last reply's data */
    struct str text;   /* a refusal */
};

struct milters {
    const struct milter_list *list;
    struct arena *arena;
    milter_macro_fn *macro;
    void *context;
    struct client *first;
    struct str out; /* data of the command that is being made */
};

#define CONTINUE ((struct milter_reply){.verdict = MILTER_CONTINUE})

/* --- client.c --- */
/* One event: what it is, and how the milter may opt out of it. */
struct event {
    enum milter_command command;
    uint32_t unwanted, unanswered; /* SMFIP_... */
    enum milter_stage stage;       /* of the macros */
    int64_t timeout;               /* microseconds */
};
/* Tell C of event X with DATA, and read what it says.  MESSAGE: at the end of one, for
 * its changes; else NULL.  May suspend. */
struct milter_reply client_tell(struct client *c, const struct event *x, struct view data,
                                const struct milter_message *message);
/* Would X be told at all? */
bool client_wants(const struct client *c, const struct event *x);
/* Connect and agree on the protocol, when that was not done.  May suspend. */
void client_open(struct client *c);
/* The second part of client_open: STREAM, which C takes over, leads to the milter. */
void client_start(struct client *c, struct stream *stream);
/* Without a reply. */
void client_send(struct client *c, enum milter_command command, struct view data);
void client_close(struct client *c);
/* What the default action says; the milter is not asked again. */
struct milter_reply client_failed(struct client *c);

/* --- edit.c --- */
/* Do what reply CODE with DATA asks; false: it cannot be understood. */
bool client_edit(struct client *c, enum milter_answer code, struct view data,
                 const struct milter_message *m);

/* --- trail.c: what `diligence explain` shows, and the log at debug level --- */
/* Tell the trail of the running fiber what C said to X with DATA. */
void client_trail_reply(const struct client *c, const struct event *x, struct view data,
                        const struct milter_reply *reply);
/* C wants the change CODE with DATA. */
void client_trail_edit(const struct client *c, enum milter_answer code, struct view data);

/* --- message.c --- */
struct milter_reply client_message(struct client *c, const struct milter_message *m);

#endif
