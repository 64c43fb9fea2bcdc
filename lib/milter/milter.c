/* milter - all milters of a session: each event goes to one after another
 *
 * The first that does not say "continue" has decided.  See milter.h.
 */
#include "milter/milter_private.h"

#include "base/memory.h"

#define OUT_MAX (1 << 20)

static void set_macros(struct client *c, const struct conf *conf)
{
    static const enum parameter lists[STAGES] = {
        [STAGE_CONNECT] = P_milter_connect_macros,
        [STAGE_HELO] = P_milter_helo_macros,
        [STAGE_MAIL] = P_milter_mail_macros,
        [STAGE_RCPT] = P_milter_rcpt_macros,
        [STAGE_DATA] = P_milter_data_macros,
        [STAGE_END_OF_DATA] = P_milter_end_of_data_macros,
        [STAGE_END_OF_HEADER] = P_milter_end_of_header_macros,
        [STAGE_UNKNOWN] = P_milter_unknown_command_macros,
    };
    for (size_t i = 0; i < STAGES; i++)
        c->macros[i] = conf_view(conf, lists[i]);
}

struct milters *milters_new(const struct milter_list *l, milter_macro_fn *macro,
                            void *context)
{
    struct milters *m = NEW(struct milters);
    m->list = l;
    m->arena = arena_new();
    m->macro = macro;
    m->context = context;
    str_init(&m->out, OUT_MAX);
    struct client **end = &m->first;
    for (const struct milter *one = l->first; one; one = one->next) {
        struct client *c = NEW(struct client);
        c->milter = one;
        c->all = m;
        str_init(&c->packet, MILTER_PACKET_MAX);
        str_init(&c->text, 8192);
        set_macros(c, l->conf);
        *end = c;
        end = &c->next;
    }
    return m;
}

void milters_free(struct milters *m)
{
    if (!m)
        return;
    for (struct client *c = m->first, *next; c; c = next) {
        next = c->next;
        client_send(c, SMFIC_QUIT, VIEW_NONE);
        client_close(c);
        str_done(&c->packet);
        str_done(&c->text);
        memory_free(c);
    }
    str_done(&m->out);
    arena_free(m->arena);
    memory_free(m);
}

/* X to each in turn, with what m->out holds. */
static struct milter_reply tell_all(struct milters *m, struct event x)
{
    struct milter_reply reply = CONTINUE;
    for (struct client *c = m->first; c && reply.verdict == MILTER_CONTINUE;
         c = c->next) {
        x.timeout = c->milter->command_timeout;
        reply = client_tell(c, &x, str_view(&m->out), NULL);
    }
    return reply;
}

struct milter_reply milters_connect(struct milters *m, struct view name, int family,
                                    struct view address, struct view port)
{
    char letter = family == AF_INET    ? '4'
                  : family == AF_INET6 ? '6'
                  : family == AF_UNIX  ? 'L'
                                       : 'U';
    str_clear(&m->out);
    packet_add_text(&m->out, name);
    str_add_char(&m->out, letter);
    if (letter != 'U') {
        packet_add_u16(&m->out, net_port_parse(port));
        packet_add_text(&m->out, address);
    }
    for (struct client *c = m->first; c; c = c->next)
        client_open(c);
    return tell_all(m, (struct event){SMFIC_CONNECT, SMFIP_NOCONNECT, SMFIP_NR_CONN,
                                      STAGE_CONNECT, 0});
}

struct milter_reply milters_helo(struct milters *m, struct view name)
{
    str_clear(&m->out);
    packet_add_text(&m->out, name);
    return tell_all(
        m, (struct event){SMFIC_HELO, SMFIP_NOHELO, SMFIP_NR_HELO, STAGE_HELO, 0});
}

static void add_words(struct milters *m, const struct view *words, size_t n)
{
    str_clear(&m->out);
    for (size_t i = 0; i < n; i++)
        packet_add_text(&m->out, words[i]);
}

struct milter_reply milters_mail(struct milters *m, const struct view *words, size_t n)
{
    for (struct client *c = m->first; c; c = c->next) {
        c->in_message = c->state == CLIENT_READY;
        c->skipped = 0;
    }
    add_words(m, words, n);
    return tell_all(
        m, (struct event){SMFIC_MAIL, SMFIP_NOMAIL, SMFIP_NR_MAIL, STAGE_MAIL, 0});
}

struct milter_reply milters_rcpt(struct milters *m, const struct view *words, size_t n,
                                 bool is_refused)
{
    struct milter_reply reply = CONTINUE;
    struct event x = {SMFIC_RCPT, SMFIP_NORCPT, SMFIP_NR_RCPT, STAGE_RCPT, 0};
    add_words(m, words, n);
    for (struct client *c = m->first; c && reply.verdict == MILTER_CONTINUE;
         c = c->next) {
        if (is_refused && !(c->steps & SMFIP_RCPT_REJ))
            continue;
        x.timeout = c->milter->command_timeout;
        reply = client_tell(c, &x, str_view(&m->out), NULL);
    }
    return reply;
}

struct milter_reply milters_data(struct milters *m)
{
    str_clear(&m->out);
    return tell_all(
        m, (struct event){SMFIC_DATA, SMFIP_NODATA, SMFIP_NR_DATA, STAGE_DATA, 0});
}

struct milter_reply milters_unknown(struct milters *m, struct view line)
{
    str_clear(&m->out);
    packet_add_text(&m->out, line);
    return tell_all(m, (struct event){SMFIC_UNKNOWN, SMFIP_NOUNKNOWN, SMFIP_NR_UNKN,
                                      STAGE_UNKNOWN, 0});
}

struct milter_reply milters_other(struct milters *m)
{
    for (const struct client *c = m->first; c; c = c->next) {
        if ((c->state == CLIENT_FAILED || c->state == CLIENT_REFUSES) &&
            c->fixed.verdict != MILTER_CONTINUE)
            return c->fixed;
    }
    return CONTINUE;
}

void milters_abort(struct milters *m)
{
    for (struct client *c = m->first; c; c = c->next) {
        if (c->in_message)
            client_send(c, SMFIC_ABORT, VIEW_NONE);
        c->in_message = false;
        c->skipped = 0;
        if (c->state == CLIENT_ACCEPTED)
            c->state = CLIENT_READY;
    }
}

struct milter_reply milters_message(struct milters *m, const struct milter_message *x)
{
    struct milter_reply reply = CONTINUE;
    for (struct client *c = m->first;
         c && reply.verdict == MILTER_CONTINUE && !x->is_over(x->context); c = c->next)
        reply = client_message(c, x);
    return reply;
}
