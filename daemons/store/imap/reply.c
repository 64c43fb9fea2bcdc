/* reply - what goes to the client, and the response codes of failures
 *
 * RFC 9051 7.1, RFC 5530.
 */
#include "imap.h"

__attribute__((format(printf, 3, 0))) static void
send_line(struct imap *s, struct view start, const char *format, va_list args)
{
    struct str *out = &s->scratch;

    str_clear(out);
    str_add(out, start);
    str_addv(out, format, args);
    str_add_cstr(out, "\r\n");
    imap_send_scratch(s);
}

void imap_send_scratch(struct imap *s)
{
    stream_write(s->stream, str_view(&s->scratch));
    str_clear(&s->scratch);
}

void imap_untagged(struct imap *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    send_line(s, VIEW("* "), format, args);
    va_end(args);
}

bool imap_ok(struct imap *s, const char *format, ...)
{
    va_list args;

    view_sync(s);
    va_start(args, format);
    send_line(s, arena_printf(s->arena, "%.*s OK ", VIEW_FMT(s->tag)), format, args);
    va_end(args);
    return true;
}

bool imap_no(struct imap *s, const char *format, ...)
{
    va_list args;

    view_sync(s);
    va_start(args, format);
    send_line(s, arena_printf(s->arena, "%.*s NO ", VIEW_FMT(s->tag)), format, args);
    va_end(args);
    return true;
}

static const char *code_of(enum store_result r)
{
    switch (r) {
    case STORE_NONEXISTENT:
        return "NONEXISTENT";
    case STORE_EXISTS:
        return "ALREADYEXISTS";
    case STORE_OVERQUOTA:
        return "OVERQUOTA";
    case STORE_NOPERM:
        return "NOPERM";
    case STORE_CANNOT:
        return "CANNOT";
    case STORE_LIMIT:
        return "LIMIT";
    case STORE_INUSE:
        return "INUSE";
    case STORE_EXPUNGED:
        return "EXPUNGEISSUED";
    case STORE_OK:
    case STORE_FAILED:
        break;
    }
    return "UNAVAILABLE";
}

bool imap_no_store(struct imap *s, enum store_result r, const struct error *e)
{
    return imap_no(s, "[%s] %s", code_of(r), e->text[0] ? e->text : "It failed.");
}
