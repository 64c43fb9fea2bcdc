/* client - the dialogue with one milter
 *
 * Connect, agree on version, actions and steps, tell events, read replies.  Every length
 * and text from the milter is checked; what makes no sense ends the connection and the
 * default action answers from then on.  All here suspends.
 */
#include "milter/milter_private.h"

#include "base/log.h"
#include "base/memory.h"
#include "net/dial.h"

#define REFUSED       VIEW("550 5.7.1 Command rejected")
#define LATER         VIEW("451 4.7.1 Service unavailable - try again later")
#define MISCONFIGURED VIEW("451 4.3.5 Server configuration problem - try again later")
#define NOT_AT_ALL    VIEW("550 5.5.0 Service unavailable")

void client_close(struct client *c)
{
    if (c->stream)
        stream_close(c->stream);
    c->stream = NULL;
}

struct milter_reply client_failed(struct client *c)
{
    static const struct milter_reply answers[] = {
        [FAILURE_ACCEPT] = {.verdict = MILTER_CONTINUE},
        [FAILURE_REJECT] = {.verdict = MILTER_REFUSE, .text = {NULL, 0}},
        [FAILURE_TEMPFAIL] = {.verdict = MILTER_REFUSE, .text = {NULL, 0}},
        [FAILURE_QUARANTINE] = {.verdict = MILTER_HOLD},
        [FAILURE_SHUTDOWN] = {.verdict = MILTER_SHUTDOWN},
    };
    client_close(c);
    c->state = CLIENT_FAILED;
    c->fixed = answers[c->milter->failure];
    if (c->fixed.verdict == MILTER_REFUSE)
        c->fixed.text = c->milter->failure == FAILURE_REJECT ? NOT_AT_ALL : LATER;
    return c->fixed;
}

static void write_packet(struct client *c, char command, struct view data)
{
    struct str head = STR_INIT(8);
    packet_add_u32(&head, (uint32_t)(data.n + 1));
    str_add_char(&head, command);
    stream_write(c->stream, str_view(&head));
    stream_write(c->stream, data);
    str_done(&head);
}

void client_send(struct client *c, enum milter_command command, struct view data)
{
    if (!c->stream)
        return;
    stream_set_timeout(c->stream, c->milter->command_timeout);
    write_packet(c, (char)command, data);
    enum stream_result r = stream_flush(c->stream);
    if (r != STREAM_OK) {
        log_warning("milter %s: error writing command: %s", c->milter->name,
                    stream_strerror(c->stream, r));
        (void)client_failed(c);
    }
}

static const char *why_no_reply(const struct client *c, enum stream_result r)
{
    return r == STREAM_EOF ? "Application error" : stream_strerror(c->stream, r);
}

/* The next packet: its letter, its data in c->packet.  0: there is none (logged). */
static int read_packet(struct client *c, const char *to_what)
{
    uint32_t length;
    str_clear(&c->packet);
    enum stream_result r = stream_read_exact(c->stream, 4, &c->packet);
    struct view head = str_view(&c->packet);
    if (r != STREAM_OK || !packet_take_u32(&head, &length)) {
        log_warning("milter %s: can't read %s reply packet header: %s", c->milter->name,
                    to_what, why_no_reply(c, r));
        return 0;
    }
    str_clear(&c->packet);
    if (length < 1 || length > MILTER_PACKET_MAX) {
        log_warning("milter %s: unreasonable packet length: %lu > %ld", c->milter->name,
                    (unsigned long)length, (long)MILTER_PACKET_MAX);
        return 0;
    }
    r = stream_read_exact(c->stream, length, &c->packet);
    if (r != STREAM_OK) {
        log_warning("milter %s: EOF while reading data: %s", c->milter->name,
                    stream_strerror(c->stream, r));
        return 0;
    }
    int code = (unsigned char)c->packet.p[0];
    str_consume(&c->packet, 1);
    return code;
}

/* --- negotiation --- */

/* Does what the milter chose fit what we offered? */
static bool agree(struct client *c, const struct packet_options *o)
{
    const struct milter *m = c->milter;
    if (o->version > m->version || o->version < 2) {
        log_warning("milter %s: protocol version %lu conflict with MTA protocol version "
                    "%lu",
                    m->name, (unsigned long)o->version, (unsigned long)m->version);
    } else if (o->actions & ~m->actions) {
        log_warning("milter %s: request mask 0x%lx conflict with MTA request mask 0x%lx",
                    m->name, (unsigned long)o->actions, (unsigned long)m->actions);
    } else if (o->steps & ~m->steps) {
        log_warning("milter %s: event mask 0x%lx includes features not offered in MTA "
                    "event mask 0x%lx",
                    m->name, (unsigned long)o->steps, (unsigned long)m->steps);
    } else {
        return true;
    }
    return false;
}

static bool negotiate(struct client *c)
{
    struct packet_options options;
    struct str offer = STR_INIT(16);
    packet_add_u32(&offer, c->milter->version);
    packet_add_u32(&offer, c->milter->actions);
    packet_add_u32(&offer, c->milter->steps);
    write_packet(c, SMFIC_OPTNEG, str_view(&offer));
    str_done(&offer);
    int code = read_packet(c, "SMFIC_OPTNEG");
    if (code != SMFIC_OPTNEG) {
        if (code)
            log_warning("milter %s: unexpected reply \"%c\" in initial handshake",
                        c->milter->name, code);
        return false;
    }
    if (!packet_parse_options(str_view(&c->packet), &options)) {
        log_warning("milter %s: no protocol version information", c->milter->name);
        return false;
    }
    if (!agree(c, &options))
        return false;
    c->version = options.version;
    c->steps = options.steps;
    if (c->version < 3) /* those came later */
        c->steps |= SMFIP_NOUNKNOWN;
    if (c->version < 4)
        c->steps |= SMFIP_NODATA;
    for (size_t i = 0; i < MILTER_STAGES; i++) {
        if (options.has_macros[i])
            c->macros[i] = arena_dup(c->all->arena, options.macros[i]);
    }
    return true;
}

void client_open(struct client *c)
{
    const struct milter *m = c->milter;
    struct error e = ERROR_INIT;
    struct view name = view_of(m->name);
    if (view_starts(name, VIEW("local:"))) /* Sendmail's word */
        name = arena_printf(c->all->arena, "unix:%.*s", VIEW_FMT(view_from(name, 6)));
    int fd = dial_endpoint(name, conf_queue_directory(c->all->list->conf),
                           m->connect_timeout, &e);
    if (fd < 0) {
        log_warning("connect to Milter service %s: %s", m->name, e.text);
        (void)client_failed(c);
        return;
    }
    client_start(c, stream_open_fd(fd));
}

void client_start(struct client *c, struct stream *stream)
{
    c->state = CLIENT_READY;
    c->stream = stream;
    stream_set_timeout(c->stream, c->milter->connect_timeout);
    if (!negotiate(c) && c->state != CLIENT_FAILED)
        (void)client_failed(c);
}

/* --- events --- */

/* milter_macro_defaults: "name=value, {other}=value". */
static bool default_macro(const struct conf *conf, struct view name, struct str *value)
{
    struct view rest = conf_view(conf, P_milter_macro_defaults), one, key, text;
    while (conf_list_next(&rest, &one)) {
        if (one.n > 1 && one.p[0] == '{' && one.p[one.n - 1] == '}' && view_has(one, '='))
            one = view_trim_space(view_sub(one, 1, one.n - 2));
        if (!view_cut(one, '=', &key, &text))
            continue;
        key = view_trim(view_trim_space(key), VIEW("{}"));
        if (view_eq(key, view_trim(name, VIEW("{}"))))
            return str_set(value, view_trim_space(text));
    }
    return false;
}

/* Macros that are the same for every session. */
static bool common_macro(const struct conf *conf, struct view name, struct str *value)
{
    if (view_eq(name, VIEW("j")))
        return str_set(value, conf_view(conf, P_myhostname));
    if (view_eq(name, VIEW("v")))
        return str_set(value, conf_view(conf, P_milter_macro_v));
    if (view_eq(name, VIEW("{daemon_name}")))
        return str_set(value, conf_view(conf, P_milter_macro_daemon_name));
    return false;
}

/* The macros that go with a command, in front of it. */
static void send_macros(struct client *c, const struct event *x)
{
    struct view rest = x->stage == STAGE_NONE ? VIEW_NONE : c->macros[x->stage], name;
    struct str data = STR_INIT(MILTER_CHUNK_MAX), value = STR_INIT(8192);
    bool any = x->stage != STAGE_NONE;
    str_add_char(&data, (char)x->command);
    while (view_token(&rest, VIEW(", \t\r\n"), &name)) {
        const struct conf *conf = c->all->list->conf;
        str_clear(&value);
        bool known = common_macro(conf, name, &value) ||
                     c->all->macro(c->all->context, name, &value);
        if (!known && !default_macro(conf, name, &value))
            continue;
        packet_add_text(&data, name);
        packet_add_text(&data, str_view(&value));
    }
    if (any && !data.overflow)
        write_packet(c, SMFIC_MACRO, str_view(&data));
    str_done(&value);
    str_done(&data);
}

static struct milter_reply refusal(struct client *c, const struct event *x,
                                   struct view text)
{
    struct milter_reply reply = {.verdict = MILTER_REFUSE, .text = text};
    if (x->command == SMFIC_CONNECT || x->command == SMFIC_HELO) {
        c->state = CLIENT_REFUSES;
        c->fixed = reply;
        c->fixed.text = reply.text = arena_dup(c->all->arena, text);
    }
    return reply;
}

/* The milter's own reply: "451-4.7.1 text ...". */
static struct milter_reply own_refusal(struct client *c, const struct event *x)
{
    struct view text;
    struct view data = str_view(&c->packet);
    if (packet_take_text(&data, &text) && packet_parse_reply(text, &c->text))
        return refusal(c, x, str_view(&c->text));
    log_warning("milter %s: malformed reply: %.*s", c->milter->name,
                VIEW_FMT(view_sub(str_view(&c->packet), 0, 200)));
    (void)client_failed(c);
    if (c->milter->failure != FAILURE_ACCEPT)
        c->fixed = (struct milter_reply){MILTER_REFUSE, MISCONFIGURED};
    return c->fixed;
}

static struct milter_reply accept_all(struct client *c, const struct event *x)
{
    bool early = x->command == SMFIC_CONNECT || x->command == SMFIC_HELO;
    c->state = early ? CLIENT_CONTENT : CLIENT_ACCEPTED;
    return CONTINUE;
}

static struct milter_reply discard(struct client *c, const struct event *x)
{
    if (x->command == SMFIC_CONNECT || x->command == SMFIC_HELO) {
        log_warning("milter %s: DISCARD action is not allowed for connect or helo",
                    c->milter->name);
        return client_failed(c);
    }
    c->state = CLIENT_ACCEPTED;
    return (struct milter_reply){.verdict = MILTER_DISCARD};
}

static struct milter_reply hang_up(struct client *c)
{
    client_close(c);
    c->state = CLIENT_REFUSES;
    c->fixed = (struct milter_reply){.verdict = MILTER_SHUTDOWN};
    return c->fixed;
}

static struct milter_reply unexpected(struct client *c, const struct event *x, int code)
{
    log_warning("milter %s: unexpected filter response %s after event %s",
                c->milter->name, milter_answer_name(code),
                milter_command_name(x->command));
    return client_failed(c);
}

/* Reply CODE to X.  False: another one follows. */
static bool take_reply(struct client *c, const struct event *x, int code,
                       const struct milter_message *message, struct milter_reply *out)
{
    *out = CONTINUE;
    switch (code) {
    case SMFIR_CONTINUE:
        return true;
    case SMFIR_PROGRESS:
        return false;
    case SMFIR_SKIP:
        c->skipped = (char)x->command;
        return true;
    case SMFIR_ACCEPT:
        *out = accept_all(c, x);
        return true;
    case SMFIR_DISCARD:
        *out = discard(c, x);
        return true;
    case SMFIR_REJECT:
        *out = refusal(c, x, REFUSED);
        return true;
    case SMFIR_TEMPFAIL:
        *out = refusal(c, x, LATER);
        return true;
    case SMFIR_REPLYCODE:
        *out = own_refusal(c, x);
        return true;
    case SMFIR_SHUTDOWN:
        *out = hang_up(c);
        return true;
    default:
        break;
    }
    if (message &&
        client_edit(c, (enum milter_answer)code, str_view(&c->packet), message))
        return false;
    *out = unexpected(c, x, code);
    return true;
}

bool client_wants(const struct client *c, const struct event *x)
{
    return c->state == CLIENT_READY && !(c->steps & x->unwanted) &&
           c->skipped != (char)x->command;
}

/* Say it, and read replies up to the one that decides. */
static struct milter_reply ask(struct client *c, const struct event *x, struct view data,
                               const struct milter_message *message)
{
    struct milter_reply reply;
    stream_set_timeout(c->stream, x->timeout);
    send_macros(c, x);
    write_packet(c, (char)x->command, data);
    if (c->steps & x->unanswered)
        return CONTINUE; /* an error shows with the next reply */
    do {
        int code = read_packet(c, milter_command_name(x->command));
        if (code == 0)
            return client_failed(c);
        if (take_reply(c, x, code, message, &reply))
            return reply;
        if (message && message->is_over(message->context)) { /* it wanted too much */
            (void)client_failed(c);
            return CONTINUE;
        }
    } while (c->stream);
    return c->fixed;
}

struct milter_reply client_tell(struct client *c, const struct event *x, struct view data,
                                const struct milter_message *message)
{
    struct milter_reply reply = c->fixed;
    if (c->state != CLIENT_FAILED && c->state != CLIENT_REFUSES) {
        if (!client_wants(c, x))
            return CONTINUE;
        reply = ask(c, x, data, message);
    }
    client_trail_reply(c, x, data, &reply);
    return reply;
}
