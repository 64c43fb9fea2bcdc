/* list - arguments of LIST, LSUB and STATUS; see list.h */
#include "list.h"

#include "imap_private.h"

/* A word and its bit. */
struct word_bit {
    const char *word;
    unsigned bit;
};

static unsigned accept_bit(struct imap_input *in, const struct word_bit *words,
                           size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (imap_accept_word(in, words[i].word))
            return words[i].bit;
    return 0;
}

static bool take_status_item(struct imap_input *in, void *context)
{
    static const struct word_bit words[] = {
        {"MESSAGES", IMAP_STATUS_MESSAGES},
        {"RECENT", IMAP_STATUS_RECENT},
        {"UIDNEXT", IMAP_STATUS_UIDNEXT},
        {"UIDVALIDITY", IMAP_STATUS_UIDVALIDITY},
        {"UNSEEN", IMAP_STATUS_UNSEEN},
        {"DELETED", IMAP_STATUS_DELETED},
        {"SIZE", IMAP_STATUS_SIZE},
        {"HIGHESTMODSEQ", IMAP_STATUS_HIGHESTMODSEQ},
        {"MAILBOXID", IMAP_STATUS_MAILBOXID},
        {"APPENDLIMIT", IMAP_STATUS_APPENDLIMIT},
        {"DELETED-STORAGE", IMAP_STATUS_DELETED_STORAGE},
    };
    unsigned bit = accept_bit(in, words, sizeof words / sizeof *words);
    *(unsigned *)context |= bit;
    return bit != 0 || imap_fail(in, "no such item of STATUS");
}

bool imap_take_status_items(struct imap_input *in, unsigned *items)
{
    *items = 0;
    return imap_take_list_of(in, false, take_status_item, items);
}

static bool take_select_option(struct imap_input *in, void *context)
{
    static const struct word_bit words[] = {
        {"SUBSCRIBED", IMAP_LIST_SUBSCRIBED},
        {"REMOTE", IMAP_LIST_REMOTE},
        {"RECURSIVEMATCH", IMAP_LIST_RECURSIVEMATCH},
        {"SPECIAL-USE", IMAP_LIST_SPECIAL_USE},
    };
    unsigned bit = accept_bit(in, words, sizeof words / sizeof *words);
    ((struct imap_list *)context)->select |= bit;
    return bit != 0 || imap_fail(in, "no such selection option of LIST");
}

/* "(SUBSCRIBED RECURSIVEMATCH)" */
static bool take_select_options(struct imap_input *in, struct imap_list *list)
{
    list->is_extended = true;
    if (!imap_take_list_of(in, true, take_select_option, list))
        return false;
    unsigned base = IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL_USE;
    if ((list->select & IMAP_LIST_RECURSIVEMATCH) && !(list->select & base))
        return imap_fail(in, "RECURSIVEMATCH wants another option");
    return imap_take_space(in);
}

static bool take_pattern(struct imap_input *in, void *context)
{
    struct imap_list *list = context;
    struct view pattern;
    return imap_take_pattern(in, &pattern) &&
           imap_add_view(in, &list->patterns, &list->pattern_count, IMAP_PATTERNS_MAX,
                         pattern);
}

static bool take_metadata_entry(struct imap_input *in, void *context)
{
    struct imap_list *list = context;
    struct view entry;
    return imap_take_astring(in, &entry) &&
           imap_add_view(in, &list->metadata, &list->metadata_count, IMAP_PATTERNS_MAX,
                         entry);
}

static bool take_return_option(struct imap_input *in, void *context)
{
    static const struct word_bit words[] = {
        {"SUBSCRIBED", IMAP_LIST_RETURN_SUBSCRIBED},
        {"CHILDREN", IMAP_LIST_RETURN_CHILDREN},
        {"SPECIAL-USE", IMAP_LIST_RETURN_SPECIAL_USE},
        {"STATUS", IMAP_LIST_RETURN_STATUS},
        {"MYRIGHTS", IMAP_LIST_RETURN_MYRIGHTS},
        {"METADATA", IMAP_LIST_RETURN_METADATA},
    };
    struct imap_list *list = context;
    unsigned bit = accept_bit(in, words, sizeof words / sizeof *words);
    list->returns |= bit;
    if (bit == IMAP_LIST_RETURN_STATUS)
        return imap_take_space(in) && imap_take_status_items(in, &list->status);
    if (bit == IMAP_LIST_RETURN_METADATA)
        return imap_take_space(in) &&
               imap_take_list_of(in, false, take_metadata_entry, list);
    return bit != 0 || imap_fail(in, "no such return option of LIST");
}

bool imap_take_list(struct imap_input *in, struct imap_list *list)
{
    *list = (struct imap_list){0};
    if (imap_peek(in) == '(' && !take_select_options(in, list))
        return false;
    if (!imap_take_mailbox(in, &list->reference) || !imap_take_space(in))
        return false;
    if (imap_peek(in) == '(') {
        list->is_extended = true;
        if (!imap_take_list_of(in, false, take_pattern, list))
            return false;
    } else if (!take_pattern(in, list)) {
        return false;
    }
    if (imap_accept(in, ' ')) {
        list->is_extended = true;
        if (!imap_accept_word(in, "RETURN"))
            return imap_fail(in, "RETURN and its options are missing");
        if (!imap_take_space(in) ||
            !imap_take_list_of(in, true, take_return_option, list))
            return false;
    }
    return imap_take_end(in);
}

bool imap_take_lsub(struct imap_input *in, struct imap_list *list)
{
    *list = (struct imap_list){0};
    return imap_take_mailbox(in, &list->reference) && imap_take_space(in) &&
           take_pattern(in, list) && imap_take_end(in);
}
