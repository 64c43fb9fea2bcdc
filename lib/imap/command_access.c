/* command_access - access rights and metadata; see command.h
 *
 * RFC 4314, RFC 5464.
 */
#include "command.h"

#include "imap_private.h"

#include <limits.h>

#define ENTRIES_MAX   200
#define ENTRY_MAX     1024
#define RIGHT_LETTERS "lrswipkxtea"

static unsigned right_bits(char letter)
{
    static const char letters[] = RIGHT_LETTERS;
    const char *hit = letter ? strchr(letters, letter) : NULL;
    if (hit)
        return 1u << (hit - letters);
    if (letter == 'c')
        return IMAP_RIGHT_CREATE | IMAP_RIGHT_DELETE_MAILBOX;
    if (letter == 'd')
        return IMAP_RIGHT_DELETE_MAILBOX | IMAP_RIGHT_DELETE | IMAP_RIGHT_EXPUNGE;
    return 0;
}

bool imap_rights_parse(struct view text, enum imap_rights_how *how, unsigned *rights)
{
    *how = IMAP_RIGHTS_SET;
    *rights = 0;
    if (text.n > 0 && (text.p[0] == '+' || text.p[0] == '-')) {
        *how = text.p[0] == '+' ? IMAP_RIGHTS_ADD : IMAP_RIGHTS_REMOVE;
        text = view_from(text, 1);
    }
    for (size_t i = 0; i < text.n; i++) {
        unsigned bits = right_bits(text.p[i]);
        if (bits == 0)
            return false;
        *rights |= bits;
    }
    return true;
}

bool imap_write_rights(unsigned rights, bool obsolete, struct str *out)
{
    bool ok = true;
    for (size_t i = 0; i < sizeof RIGHT_LETTERS - 1; i++)
        if (rights >> i & 1)
            ok = str_add_char(out, RIGHT_LETTERS[i]) && ok;
    if (obsolete && (rights & right_bits('c')))
        ok = str_add_char(out, 'c') && ok;
    if (obsolete && (rights & right_bits('d')))
        ok = str_add_char(out, 'd') && ok;
    return ok;
}

bool imap_take_setacl(struct imap_input *in, struct imap_setacl *setacl)
{
    struct view rights;
    *setacl = (struct imap_setacl){0};
    if (!imap_take_mailbox(in, &setacl->mailbox) || !imap_take_space(in) ||
        !imap_take_astring(in, &setacl->identifier) || !imap_take_space(in) ||
        !imap_take_astring(in, &rights) || !imap_take_end(in))
        return false;
    return imap_rights_parse(rights, &setacl->how, &setacl->rights) ||
           imap_fail(in, "no such access right");
}

bool imap_metadata_entry_is_valid(struct view entry)
{
    bool rooted = view_starts_case(entry, VIEW("/shared/")) ||
                  view_starts_case(entry, VIEW("/private/"));
    if (!rooted || entry.n > ENTRY_MAX || view_ends(entry, VIEW("/")) ||
        view_find_view(entry, VIEW("//")) != VIEW_NPOS)
        return false;
    for (size_t i = 0; i < entry.n; i++) {
        unsigned char c = (unsigned char)entry.p[i];
        if (c < 0x20 || c >= 0x7f || c == '*' || c == '%')
            return false;
    }
    return true;
}

static bool take_entry(struct imap_input *in, struct view *entry)
{
    return imap_take_astring(in, entry) &&
           (imap_metadata_entry_is_valid(*entry) ||
            imap_fail(in, "the name of a metadata entry is malformed"));
}

static bool take_get_entry(struct imap_input *in, void *context)
{
    struct imap_getmetadata *get = context;
    struct view entry;
    return take_entry(in, &entry) &&
           imap_add_view(in, &get->entries, &get->count, ENTRIES_MAX, entry);
}

static bool take_get_option(struct imap_input *in, void *context)
{
    struct imap_getmetadata *get = context;
    if (imap_accept_word(in, "MAXSIZE")) {
        get->has_max_size = true;
        return imap_take_space(in) && imap_take_number(in, &get->max_size);
    }
    if (!imap_accept_word(in, "DEPTH"))
        return imap_fail(in, "no such option of GETMETADATA");
    if (!imap_take_space(in))
        return false;
    get->depth = imap_accept_word(in, "0")          ? 0
                 : imap_accept_word(in, "1")        ? 1
                 : imap_accept_word(in, "infinity") ? UINT_MAX
                                                    : 2;
    return get->depth != 2 || imap_fail(in, "DEPTH is 0, 1 or infinity");
}

/* Does the list that is next hold options rather than entries? */
static bool options_are_next(const struct imap_input *in)
{
    struct view rest = view_from(in->line, in->at);
    return view_starts_case(rest, VIEW("(MAXSIZE")) ||
           view_starts_case(rest, VIEW("(DEPTH"));
}

static bool take_get_options(struct imap_input *in, struct imap_getmetadata *get)
{
    return !options_are_next(in) ||
           (imap_take_list_of(in, false, take_get_option, get) && imap_take_space(in));
}

bool imap_take_getmetadata(struct imap_input *in, struct imap_getmetadata *get)
{
    *get = (struct imap_getmetadata){0};
    if (!take_get_options(in, get) || !imap_take_mailbox(in, &get->mailbox) ||
        !imap_take_space(in) || !take_get_options(in, get))
        return false;
    bool ok = imap_peek(in) == '(' ? imap_take_list_of(in, false, take_get_entry, get)
                                   : take_get_entry(in, get);
    return ok && imap_take_end(in);
}

static bool take_set_pair(struct imap_input *in, void *context)
{
    struct imap_setmetadata *set = context;
    struct imap_pair pair;
    if (!take_entry(in, &pair.name) || !imap_take_space(in) ||
        !imap_take_nstring8(in, &pair.value))
        return false;
    if (set->count == ENTRIES_MAX)
        return imap_fail(in, "too many metadata entries");
    set->pairs = imap_array_grow(in->arena, set->pairs, set->count, sizeof *set->pairs);
    set->pairs[set->count++] = pair;
    return true;
}

bool imap_take_setmetadata(struct imap_input *in, struct imap_setmetadata *set)
{
    *set = (struct imap_setmetadata){0};
    return imap_take_mailbox(in, &set->mailbox) && imap_take_space(in) &&
           imap_take_list_of(in, false, take_set_pair, set) && imap_take_end(in);
}
