/* write - strings, names and dates in IMAP replies; see write.h */
#include "write.h"

#include "format/header.h"
#include "format/utf7.h"
#include "imap_private.h"

#include <time.h>

/* Longest quoted string; RFC 9051 sets no limit, old clients do. */
#define QUOTED_MAX 1000
/* Longest header value that is unfolded; what is longer is cut. */
#define FIELD_MAX 65536

bool imap_write_literal_head(uint64_t n, struct str *out)
{
    return str_addf(out, "{%llu}\r\n", (unsigned long long)n);
}

bool imap_write_literal(struct view v, bool binary, struct str *out)
{
    bool ok = !binary || str_add_char(out, '~');
    return imap_write_literal_head(v.n, out) && str_add(out, v) && ok;
}

/* V as a literal, without the NULs that none may have (RFC 9051 9: CHAR8). */
static bool write_plain_literal(struct view v, struct str *out)
{
    if (!view_has(v, '\0'))
        return imap_write_literal(v, false, out);
    struct str clean = STR_INIT(v.n);
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] != '\0')
            str_add_char(&clean, v.p[i]);
    bool ok = imap_write_literal(str_view(&clean), false, out);
    str_done(&clean);
    return ok;
}

/* Append V in quotes. */
static bool write_quoted(struct view v, struct str *out)
{
    char *to = str_reserve(out, 2 * v.n + 2);
    if (to == NULL) /* too near to the limit for the worst case */
        return imap_write_literal(v, false, out);
    size_t n = 0;
    to[n++] = '"';
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '"' || v.p[i] == '\\')
            to[n++] = '\\';
        to[n++] = v.p[i];
    }
    to[n++] = '"';
    to[n] = '\0';
    out->n += n;
    return true;
}

static bool can_be_quoted(struct view v)
{
    if (v.n > QUOTED_MAX)
        return false;
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] == '\r' || v.p[i] == '\n' || v.p[i] == '\0' ||
            (unsigned char)v.p[i] >= 0x80)
            return false;
    return true;
}

bool imap_write_string(struct view v, struct str *out)
{
    return can_be_quoted(v) ? write_quoted(v, out) : write_plain_literal(v, out);
}

bool imap_write_nstring(struct view v, struct str *out)
{
    return v.p ? imap_write_string(v, out) : str_add(out, VIEW("NIL"));
}

bool imap_write_value(struct view value, struct str *out)
{
    if (value.p == NULL || !view_has(value, '\n'))
        return imap_write_nstring(value, out);
    struct str line = STR_INIT(FIELD_MAX);
    header_unfold(value, &line);
    bool ok = imap_write_string(str_view(&line), out);
    str_done(&line);
    return ok;
}

bool imap_write_astring(struct view v, struct str *out)
{
    bool atom = v.n > 0 && v.n <= QUOTED_MAX && !view_eq_case(v, VIEW("NIL"));
    for (size_t i = 0; i < v.n && atom; i++)
        atom = imap_is_atom_char((unsigned char)v.p[i]);
    return atom ? str_add(out, v) : imap_write_string(v, out);
}

bool imap_write_mailbox(struct view name, bool utf8, struct str *out)
{
    if (utf8) {
        if (view_is_ascii(name))
            return imap_write_astring(name, out);
        return view_find_any(name, VIEW("\r\n\0")) == VIEW_NPOS
                   ? write_quoted(name, out)
                   : write_plain_literal(name, out);
    }
    struct str encoded = STR_INIT(6 * name.n + 16);
    bool ok = utf7_encode(name, &encoded) && imap_write_astring(str_view(&encoded), out);
    str_done(&encoded);
    return ok;
}

bool imap_write_date_time(int64_t seconds, int offset, struct str *out)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const int64_t least = INT64_C(-62135596800); /* 0001-01-01 */
    const int64_t most = INT64_C(253402300799);  /* 9999-12-31 23:59:59 */
    int64_t local = seconds < least ? least : seconds > most ? most : seconds;
    local += (int64_t)offset * 60;
    time_t shown = local < least ? least : local > most ? most : local;
    struct tm tm;
    if (gmtime_r(&shown, &tm) == NULL)
        return false;
    unsigned distance = (unsigned)(offset < 0 ? -offset : offset) % (24 * 60);
    return str_addf(out, "\"%02d-%.3s-%04d %02d:%02d:%02d %c%02u%02u\"", tm.tm_mday,
                    months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                    tm.tm_sec, offset < 0 ? '-' : '+', distance / 60, distance % 60);
}
