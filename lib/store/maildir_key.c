/* maildir_key - the names of files in a Maildir */
#include "store/maildir_key.h"

#include "base/hash.h"
#include "base/number.h"
#include "store/mailbox.h"

enum { BASE_MAX = 250 };

static const struct {
    char letter;
    uint32_t flag;
} letters[] = {{'D', MAILBOX_DRAFT},
               {'F', MAILBOX_FLAGGED},
               {'R', MAILBOX_ANSWERED},
               {'S', MAILBOX_SEEN},
               {'T', MAILBOX_DELETED}};

/* ",S=123" behind the first comma of BASE: the number behind LETTER. */
static uint64_t told_size(struct view base, char letter)
{
    struct view field, rest;
    uint64_t n;

    (void)view_cut(base, ',', &field, &rest);
    while (rest.n > 0) {
        view_cut(rest, ',', &field, &rest);
        if (field.n > 2 && field.p[0] == letter && field.p[1] == '=' &&
            number_parse_u64(view_from(field, 2), 0, UINT64_C(1) << 60, &n))
            return n;
    }
    return UINT64_MAX;
}

/* Seconds in front, and microseconds behind "M" in the second field. */
static uint64_t told_time(struct view base)
{
    uint64_t seconds, micro = 0;
    struct view rest = base;

    if (!number_take_u64(&rest, UINT32_MAX * UINT64_C(16), &seconds))
        return UINT64_MAX;
    if (rest.n > 1 && rest.p[0] == '.' && rest.p[1] == 'M') {
        rest = view_from(rest, 2);
        if (!number_take_u64(&rest, 999999, &micro))
            micro = 0;
    }
    return seconds * 1000000 + micro;
}

/* The id that a copy carries in its name, or one made of the name. */
static uint64_t email_id(struct view base)
{
    static const uint64_t key[2] = {UINT64_C(0x64696c6967656e63),
                                    UINT64_C(0x65206d61696c)};
    struct view name, field, rest;
    uint64_t id;

    (void)view_cut(base, ',', &name, &rest);
    (void)view_cut(name, '.', &field, &rest);
    (void)view_cut(rest, '.', &field, &rest);
    if (field.n > 17 && field.p[field.n - 17] == 'E' &&
        number_parse_base(view_from(field, field.n - 16), 16, UINT64_MAX, &id) && id)
        return id;
    id = hash_siphash(key, name);
    return id ? id : 1;
}

bool maildir_key_parse(struct view name, struct maildir_key *out)
{
    struct view info;

    if (name.n == 0 || name.p[0] == '.' || view_find_any(name, VIEW("/\n")) != VIEW_NPOS)
        return false;
    (void)view_cut(name, ':', &out->base, &info);
    if (out->base.n == 0 || out->base.n > BASE_MAX)
        return false;
    out->flags = view_starts(info, VIEW("2,")) ? view_from(info, 2) : VIEW_NONE;
    out->size = told_size(out->base, 'S');
    out->crlf = told_size(out->base, 'W');
    out->order = told_time(out->base);
    out->email_id = email_id(out->base);
    return true;
}

struct view maildir_key_base(struct view key)
{
    struct view base, info;

    (void)view_cut(view_from(key, 4), ':', &base, &info);
    return base;
}

uint32_t maildir_flags_parse(struct view v)
{
    uint32_t flags = 0;

    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (view_has(v, letters[i].letter))
            flags |= letters[i].flag;
    return flags;
}

bool maildir_flags_format(uint32_t flags, uint32_t keywords, struct view old,
                          struct str *out)
{
    bool ok = str_add(out, VIEW(":2,"));

    for (const char *p = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"; *p; p++) {
        bool set = view_has(old, *p);
        for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
            if (letters[i].letter == *p)
                set = (flags & letters[i].flag) != 0;
        ok = ok && (!set || str_add_char(out, *p));
    }
    for (unsigned i = 0; i < 26; i++)
        ok = ok && (!(keywords >> i & 1) || str_add_char(out, (char)('a' + i)));
    return ok;
}
