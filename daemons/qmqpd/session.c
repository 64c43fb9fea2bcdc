/* session - one QMQP connection brings one message (cr.yp.to/proto/qmqp.html)
 *
 * One netstring holds the message, the sender and the recipients, each a netstring; the
 * answer is one netstring: K taken, Z try later, D never.  The content comes first, so it
 * waits in a memory file until the envelope is known.  qmqpd(8).
 */
#include "session.h"

#include "base/log.h"
#include "base/memory.h"
#include "format/address.h"
#include "format/date.h"
#include "netstring.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_READS   64
#define PIECE         65536
#define ENVELOPE_MAX  ((size_t)64 << 20) /* bytes of sender and recipients */
#define PACKAGE_EXTRA ((uint64_t)ENVELOPE_MAX)
#define VERP_MARK     VIEW("-@[]")

struct session {
    struct qmqpd *server;
    struct stream *stream;
    struct arena *arena;
    struct access_subject client;
    struct view client_port;
    struct view id; /* empty: no queue ID yet */
    const char *where;
    int content; /* memory file */
    struct view sender, verp;
    struct view *recipients;
    size_t n_recipients, cap_recipients;
    struct error error;
};

/* --- answers --- */

static void answer(struct session *s, char status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void answer(struct session *s, char status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct view text = arena_vprintf(s->arena, format, args);
    va_end(args);
    if (status != 'K') {
        log_info("%.*s: %.*s: %.*s while %s", VIEW_FMT(s->id.n ? s->id : VIEW("NOQUEUE")),
                 VIEW_FMT(s->client.client_display), VIEW_FMT(text), s->where);
        (void)fiber_sleep(conf_time(s->server->conf, P_qmqpd_error_delay));
    }
    s->where = "sending completion status";
    stream_printf(s->stream, "%zu:%c%.*s,", text.n + 1, status, VIEW_FMT(text));
    (void)(stream_flush(s->stream) == STREAM_OK);
}

/* What went wrong with the netstrings. */
static bool broken(struct session *s, enum netstring_result result)
{
    if (result == NETSTRING_SYNTAX)
        answer(s, 'D', "Error: netstring format error");
    else if (result == NETSTRING_TOO_LONG)
        answer(s, 'D', "Error: message too large");
    else
        log_info("%.*s: %s while %s", VIEW_FMT(s->client.client_display),
                 result == NETSTRING_TIMEOUT ? "read/write timeout" : "lost connection",
                 s->where);
    return false;
}

/* --- what comes in --- */

static bool keep(int fd, struct view v)
{
    while (v.n > 0) {
        ssize_t n = write(fd, v.p, v.n);
        if (n <= 0)
            return false;
        v = view_from(v, (size_t)n);
    }
    return true;
}

/* The message, into the memory file.  *LEFT counts down the whole package. */
static bool read_content(struct session *s, uint64_t *left)
{
    uint64_t n, limit = (uint64_t)conf_int(s->server->conf, P_message_size_limit);
    s->where = "receiving message content";
    enum netstring_result result =
        netstring_length(s->stream, limit > 0 && limit < *left ? limit : *left, &n);
    if (result != NETSTRING_OK)
        return broken(s, result);
    if (netstring_size(n) > *left)
        return broken(s, NETSTRING_SYNTAX);
    *left -= netstring_size(n);
    while (n > 0) {
        struct view v;
        enum stream_result r =
            stream_read_some(s->stream, n < PIECE ? (size_t)n : PIECE, &v);
        if (r != STREAM_OK)
            return broken(s, netstring_failure(r));
        if (!keep(s->content, v)) {
            answer(s, 'Z', "Error: queue file write error");
            return false;
        }
        n -= v.n;
    }
    result = netstring_end(s->stream);
    return result == NETSTRING_OK || broken(s, result);
}

static bool read_address(struct session *s, uint64_t *left, struct view *out)
{
    struct str text = STR_INIT(ADDRESS_MAX);
    uint64_t taken;
    enum netstring_result result = netstring_read(s->stream, &text, &taken);
    *out = arena_dup(s->arena, str_view(&text));
    str_done(&text);
    if (result != NETSTRING_OK)
        return broken(s, result);
    if (taken > *left || view_has(*out, '\0') || view_has(*out, '\n'))
        return broken(s, NETSTRING_SYNTAX);
    *left -= taken;
    return true;
}

/* "prefix-@origin-@[]" asks for VERP of prefix@origin. */
static void take_verp(struct session *s)
{
    struct view local, domain;
    if (!view_ends(s->sender, VERP_MARK))
        return;
    s->sender = view_sub(s->sender, 0, s->sender.n - VERP_MARK.n);
    if (!view_rcut(s->sender, '@', &local, &domain) || !view_ends(local, VIEW("-")))
        return;
    s->verp = VIEW("-=");
    s->sender = arena_printf(s->arena, "%.*s@%.*s",
                             VIEW_FMT(view_sub(local, 0, local.n - 1)), VIEW_FMT(domain));
}

static void add_recipient(struct session *s, struct view address)
{
    if (s->n_recipients == s->cap_recipients) {
        s->cap_recipients = s->cap_recipients ? 2 * s->cap_recipients : 16;
        s->recipients =
            memory_resize(s->recipients, s->cap_recipients * sizeof *s->recipients);
    }
    s->recipients[s->n_recipients++] = address;
}

static bool receive(struct session *s)
{
    uint64_t limit = (uint64_t)conf_int(s->server->conf, P_message_size_limit), left;
    s->where = "receiving QMQP packet header";
    enum netstring_result result = netstring_length(
        s->stream, (limit ? limit : INT64_MAX / 16) + PACKAGE_EXTRA, &left);
    if (result != NETSTRING_OK)
        return broken(s, result);
    if (!read_content(s, &left))
        return false;
    s->where = "receiving sender address";
    if (!read_address(s, &left, &s->sender))
        return false;
    take_verp(s);
    s->where = "receiving recipient address";
    while (left > 0) {
        struct view address;
        if (!read_address(s, &left, &address))
            return false;
        add_recipient(s, address);
        if (arena_size(s->arena) > ENVELOPE_MAX)
            return broken(s, NETSTRING_TOO_LONG);
    }
    result = netstring_end(s->stream);
    if (result != NETSTRING_OK)
        return broken(s, result);
    if (s->n_recipients == 0)
        answer(s, 'D', "Error: no recipients specified");
    return s->n_recipients > 0;
}

/* --- into the queue --- */

static void write_received(struct session *s, struct cleanup *mail)
{
    const struct conf *c = s->server->conf;
    const struct access_subject *f = &s->client;
    char date[DATE_MAX];
    struct tm local;
    time_t now = time(NULL);
    (void)localtime_r(&now, &local);
    (void)date_format(date, &local);
    cleanup_line(mail, arena_printf(s->arena, "Received: from %.*s (%.*s [%.*s])",
                                    VIEW_FMT(f->client_name), VIEW_FMT(f->client_name),
                                    VIEW_FMT(f->client_address)));
    struct view by = arena_printf(s->arena, "\tby %.*s (%.*s) with QMQP",
                                  VIEW_FMT(conf_view(c, P_myhostname)),
                                  VIEW_FMT(conf_view(c, P_mail_name)));
    if (s->n_recipients > 1) {
        cleanup_line(mail, by);
        cleanup_line(mail,
                     arena_printf(s->arena, "\tid %.*s; %s", VIEW_FMT(s->id), date));
        return;
    }
    struct str to = STR_INIT(ADDRESS_QUOTED_MAX);
    (void)address_quote_822(s->recipients[0], &to);
    cleanup_line(mail,
                 arena_printf(s->arena, "%.*s id %.*s", VIEW_FMT(by), VIEW_FMT(s->id)));
    cleanup_line(mail, arena_printf(s->arena, "\tfor <%s>; %s", str_cstr(&to), date));
    str_done(&to);
}

/* Lines end with LF here; longer ones than line_length_limit go on in pieces. */
static void write_content(struct session *s, struct cleanup *mail)
{
    size_t limit = (size_t)conf_int(s->server->conf, P_line_length_limit);
    char *buffer = memory_alloc(PIECE);
    bool open = false; /* a line goes on */
    ssize_t n;
    for (off_t at = 0; (n = pread(s->content, buffer, PIECE, at)) > 0; at += n) {
        struct view rest = {buffer, (size_t)n}, line;
        while (rest.n > 0) {
            bool ended = view_cut(rest, '\n', &line, &rest);
            if (line.n > limit) {
                rest = (struct view){line.p + limit, rest.n + line.n - limit + ended};
                line.n = limit;
                ended = false;
            }
            if (open || !ended)
                cleanup_line_piece(mail, line, !ended);
            else
                cleanup_line(mail, line);
            open = !ended;
        }
    }
    if (open)
        cleanup_line_piece(mail, VIEW_NONE, false);
    memory_free(buffer);
}

static bool enqueue(struct session *s, struct error *e)
{
    struct qmqpd *d = s->server;
    struct draft *draft = draft_open(d->queue, e);
    if (!draft)
        return false;
    s->id = arena_dup(s->arena, queue_id_view(draft_id(draft)));
    log_info("%.*s: client=%.*s", VIEW_FMT(s->id), VIEW_FMT(s->client.client_display));
    const struct envelope env = {
        .arrival = clock_wall(),
        .client_name = s->client.client_name,
        .client_address = s->client.client_address,
        .client_port = s->client_port,
        .protocol_name = VIEW("QMQP"),
        .rewrite_context = VIEW("local"),
        .content_filter = conf_view(d->conf, P_content_filter),
        .verp_delimiters = s->verp,
    };
    struct cleanup *mail =
        cleanup_open(d->cleanup, draft, &env,
                     CLEANUP_EXTERNAL | CLEANUP_MILTERS | CLEANUP_ADD_MISSING |
                         cleanup_auto_utf8(d->conf, "qmqpd"));
    cleanup_sender(mail, s->sender);
    for (size_t i = 0; i < s->n_recipients; i++)
        cleanup_recipient(mail, s->recipients[i], VIEW_NONE, VIEW_NONE, 0);
    write_received(s, mail);
    cleanup_content_begin(mail);
    write_content(s, mail);
    enum cleanup_verdict verdict = cleanup_finish(mail, NULL, e);
    return verdict == CLEANUP_QUEUED || verdict == CLEANUP_DISCARDED;
}

static void deliver(struct session *s)
{
    const struct error *e = &s->error;
    if (enqueue(s, &s->error))
        answer(s, 'K', "Ok: queued as %.*s", VIEW_FMT(s->id));
    else
        answer(s, error_result(e) == PERMFAIL ? 'D' : 'Z', "%s",
               e->text[0] ? e->text : "Error: queue file write error");
}

/* --- the client --- */

static void identify(struct session *s, const struct net_address *peer)
{
    struct access_subject *f = &s->client;
    char text[NET_ADDRESS_TEXT];
    bool local = net_address_family(peer) == AF_UNIX;
    f->client_name = f->reverse_name = local ? VIEW("localhost") : VIEW("unknown");
    f->client_address = local
                            ? VIEW("127.0.0.1")
                            : arena_dup(s->arena, view_of(net_address_text(peer, text)));
    s->client_port =
        arena_printf(s->arena, "%u", local ? 0u : (unsigned)net_address_port(peer));
    if (!local && conf_bool(s->server->conf, P_smtpd_peername_lookup))
        access_find_names(f, s->arena, peer);
    bool with_port = conf_bool(s->server->conf, P_qmqpd_client_port_logging);
    f->client_display =
        arena_printf(s->arena, "%.*s[%.*s]%s%.*s", VIEW_FMT(f->client_name),
                     VIEW_FMT(f->client_address), with_port ? ":" : "",
                     VIEW_FMT(with_port ? s->client_port : VIEW_NONE));
}

/* By hosts.allow and hosts.deny, and qmqpd_authorized_clients. */
static bool is_authorized(struct session *s)
{
    const struct qmqpd *d = s->server;
    const struct view name = VIEW("qmqpd");
    const struct access_subject *f = &s->client;
    const struct hosts_client client = {.services = &name,
                                        .n_services = 1,
                                        .name = f->client_name,
                                        .is_paranoid =
                                            f->name_status == ACCESS_NAME_PERMFAIL &&
                                            f->reverse_name_status == ACCESS_NAME_OK,
                                        .address = f->client_address};
    return hosts_access_ask(d->hosts, &client) == HOSTS_LET_IN &&
           match_client(d->clients, f->client_name, f->client_address, &s->error) ==
               MATCH_YES;
}

/* Input that nobody read would make the kernel reset the connection, and the client lose
 * our answer. */
static void drain(struct stream *stream)
{
    struct view v;
    stream_set_timeout(stream, CLOCK_SECOND);
    (void)shutdown(stream_fd(stream), SHUT_WR);
    for (unsigned i = 0; i < DRAIN_READS; i++) {
        if (stream_read_some(stream, PIECE, &v) != STREAM_OK)
            return;
    }
}

void qmqp_session(struct qmqpd *d, struct stream *stream, const struct net_address *peer)
{
    struct session s = {
        .server = d, .stream = stream, .arena = arena_new(), .content = -1};
    s.where = "initializing client connection";
    stream_set_timeout(stream, conf_time(d->conf, P_qmqpd_timeout));
    identify(&s, peer);
    log_info("connect from %.*s", VIEW_FMT(s.client.client_display));
    s.content = memfd_create("message", MFD_CLOEXEC);
    if (!is_authorized(&s))
        answer(&s, 'D', "Error: %.*s is not authorized to use this service",
               VIEW_FMT(s.client.client_display));
    else if (s.content < 0)
        answer(&s, 'Z', "Error: queue file write error");
    else if (receive(&s))
        deliver(&s);
    if (view_is_empty(s.id))
        drain(stream);
    log_info("disconnect from %.*s", VIEW_FMT(s.client.client_display));
    if (s.content >= 0)
        (void)close(s.content);
    memory_free(s.recipients);
    arena_free(s.arena);
}
