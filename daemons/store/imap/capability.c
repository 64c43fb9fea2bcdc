/* capability - what the server can do, who it is, and the end of a session
 *
 * CAPABILITY ENABLE ID NAMESPACE NOOP LOGOUT UNAUTHENTICATE COMPRESS.
 */
#include "base/log.h"
#include "deflate_layer.h"
#include "imap.h"
#include "imap/command.h"
#include "imap/write.h"

static const char capabilities[] =
    "IMAP4rev1 IMAP4rev2 ACL RIGHTS=kxte BINARY CATENATE CHILDREN CONDSTORE "
    "CREATE-SPECIAL-USE ENABLE ESEARCH ESORT ID IDLE LIST-EXTENDED LIST-METADATA "
    "LIST-MYRIGHTS LIST-STATUS LITERAL+ METADATA MOVE MULTIAPPEND NAMESPACE NOTIFY "
    "OBJECTID PARTIAL PREVIEW QRESYNC QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE "
    "REPLACE SAVEDATE SEARCH=FUZZY SEARCHRES SORT SORT=DISPLAY SPECIAL-USE STATUS=SIZE "
    "THREAD=ORDEREDSUBJECT THREAD=REFERENCES UIDONLY UIDPLUS UNSELECT UTF8=ACCEPT "
    "WITHIN";

void imap_add_capabilities(struct imap *s)
{
    str_add_cstr(&s->scratch, capabilities);
    if (store_options.append_limit > 0)
        str_addf(&s->scratch, " APPENDLIMIT=%llu",
                 (unsigned long long)store_options.append_limit);
    else
        str_add_cstr(&s->scratch, " APPENDLIMIT");
    if (!s->is_compressed)
        str_add_cstr(&s->scratch, " COMPRESS=DEFLATE UNAUTHENTICATE");
}

bool command_capability(struct imap *s)
{
    if (!imap_take_end(&s->in))
        return false;
    str_set(&s->scratch, VIEW("* CAPABILITY "));
    imap_add_capabilities(s);
    str_add_cstr(&s->scratch, "\r\n");
    imap_send_scratch(s);
    return imap_ok(s, "Capability completed.");
}

/* RFC 5161; a word that is not known is passed over. */
static const struct extension {
    const char *name;
    unsigned bits;
} extensions[] = {
    {"CONDSTORE", ENABLED_CONDSTORE}, {"QRESYNC", ENABLED_QRESYNC | ENABLED_CONDSTORE},
    {"UTF8=ACCEPT", ENABLED_UTF8},    {"IMAP4REV2", ENABLED_REV2},
    {"UIDONLY", ENABLED_UIDONLY},
};

bool command_enable(struct imap *s)
{
    struct imap_words words;
    unsigned before = s->enabled;

    if (!imap_take_words(&s->in, &words))
        return false;
    for (size_t w = 0; w < words.count; w++) {
        for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
            if (view_eq_case(words.words[w], view_of(extensions[i].name)))
                s->enabled |= extensions[i].bits;
        }
    }
    str_set(&s->scratch, VIEW("* ENABLED"));
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        if ((s->enabled & extensions[i].bits) == extensions[i].bits &&
            (before & extensions[i].bits) != extensions[i].bits)
            str_addf(&s->scratch, " %s", extensions[i].name);
    }
    str_add_cstr(&s->scratch, "\r\n");
    imap_send_scratch(s);
    return imap_ok(s, "Enabled.");
}

/* RFC 2971. What the client says of itself helps whoever reads the log. */
bool command_id(struct imap *s)
{
    struct imap_pairs id;
    struct str told = STR_INIT(512);

    if (!imap_take_id(&s->in, &id))
        return false;
    for (size_t i = 0; i < id.count; i++)
        str_addf(&told, "%s%.*s=%.*s", i > 0 ? ", " : "", VIEW_FMT(id.pairs[i].name),
                 VIEW_FMT(id.pairs[i].value));
    if (id.count > 0)
        log_info("imap(%.*s)<%.*s>: ID sent: %.*s", VIEW_FMT(s->session->user),
                 VIEW_FMT(s->session->id), VIEW_FMT(str_view(&told)));
    str_done(&told);
    imap_untagged(s, "ID (\"name\" \"Diligence\")");
    return imap_ok(s, "ID completed.");
}

bool command_namespace(struct imap *s)
{
    if (!imap_take_end(&s->in))
        return false;
    imap_untagged(s, "NAMESPACE ((\"\" \"/\")) ((\"%s\" \"/\")) NIL", NAMESPACE_OTHERS);
    return imap_ok(s, "Namespace completed.");
}

bool command_noop(struct imap *s)
{
    if (!imap_take_end(&s->in))
        return false;
    return imap_ok(s, "NOOP completed.");
}

bool command_logout(struct imap *s)
{
    if (!imap_take_end(&s->in))
        return false;
    view_close(s);
    imap_untagged(s, "BYE Logging out");
    imap_ok(s, "Logout completed.");
    s->is_closing = true;
    return true;
}

/* RFC 8437: back to the state before the login. */
bool command_unauthenticate(struct imap *s)
{
    if (!imap_take_end(&s->in))
        return false;
    if (s->is_compressed)
        return imap_fail(&s->in, "The connection is compressed");
    notify_end(s);
    view_close(s);
    imap_ok(s, "Logged out; log in again.");
    s->is_unauthenticated = true;
    s->is_closing = true;
    return true;
}

/* RFC 4978. */
bool command_compress(struct imap *s)
{
    struct view mechanism;

    if (!imap_take_word(&s->in, &mechanism) || !imap_take_end(&s->in))
        return false;
    if (!view_eq_case(mechanism, VIEW("DEFLATE")))
        return imap_no(s, "[CANNOT] Only DEFLATE is known.");
    if (stream_fd(s->stream) < 0)
        return imap_no(s, "[CANNOT] There is no connection to compress.");
    if (s->is_compressed)
        return imap_no(s, "[COMPRESSIONACTIVE] The connection is compressed.");
    imap_ok(s, "DEFLATE begins.");
    if (stream_flush(s->stream) != STREAM_OK) {
        s->is_closing = true;
        return true;
    }
    struct view pending = arena_dup(s->arena, stream_peek(s->stream));
    s->is_compressed = deflate_layer_start(s->stream, pending);
    s->is_closing |= !s->is_compressed;
    return true;
}
