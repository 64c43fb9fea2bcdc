/* flags - names of system flags; see flags.h */
#include "flags.h"

static const struct {
    struct view name;
    unsigned bit;
} flags[] = {
    {{"\\Answered", 9}, IMAP_FLAG_ANSWERED}, {{"\\Flagged", 8}, IMAP_FLAG_FLAGGED},
    {{"\\Deleted", 8}, IMAP_FLAG_DELETED},   {{"\\Seen", 5}, IMAP_FLAG_SEEN},
    {{"\\Draft", 6}, IMAP_FLAG_DRAFT},       {{"\\Recent", 7}, IMAP_FLAG_RECENT},
};
#define FLAG_COUNT (sizeof flags / sizeof flags[0])

unsigned imap_flag_bit(struct view name)
{
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (view_eq_case(name, flags[i].name))
            return flags[i].bit;
    return 0;
}

/* Append NAME, with a space unless it is the first behind OPEN. */
static bool add_name(struct view name, size_t open, struct str *out)
{
    return (out->n == open || str_add_char(out, ' ')) && str_add(out, name);
}

static bool add_names(unsigned bits, const struct view *keywords, size_t count,
                      bool wildcard, struct str *out)
{
    bool ok = str_add_char(out, '(');
    size_t open = out->n;
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (bits & flags[i].bit)
            ok = add_name(flags[i].name, open, out) && ok;
    for (size_t i = 0; i < count; i++)
        ok = add_name(keywords[i], open, out) && ok;
    if (wildcard)
        ok = add_name(VIEW("\\*"), open, out) && ok;
    return str_add_char(out, ')') && ok;
}

bool imap_write_flags(unsigned bits, const struct view *keywords, size_t count,
                      struct str *out)
{
    return add_names(bits, keywords, count, false, out);
}

bool imap_write_permanent_flags(unsigned bits, const struct view *keywords, size_t count,
                                struct str *out)
{
    return add_names(bits, keywords, count, true, out);
}
