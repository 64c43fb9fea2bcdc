/* command - SELECT, STORE, CREATE, ENABLE, ID, SETQUOTA; see command.h */
#include "command.h"

#include "imap_private.h"

#define WORDS_MAX 100
#define USES_MAX  16

/* "(seqs uids)" of QRESYNC. */
static bool take_match(struct imap_input *in, struct imap_select *select)
{
    select->has_match = true;
    if (!imap_take_char(in, '(') || !imap_take_set(in, false, &select->match_seqs) ||
        !imap_take_space(in) || !imap_take_set(in, false, &select->match_uids) ||
        !imap_take_char(in, ')'))
        return false;
    imap_set_resolve(&select->match_seqs, 0);
    imap_set_resolve(&select->match_uids, 0);
    return imap_set_size(&select->match_seqs) == imap_set_size(&select->match_uids) ||
           imap_fail(in, "the two sets of QRESYNC differ in length");
}

/* "(uidvalidity modseq [known-uids] [(seqs uids)])" */
static bool take_qresync(struct imap_input *in, struct imap_select *select)
{
    select->qresync = true;
    if (!imap_take_space(in) || !imap_take_char(in, '(') ||
        !imap_take_nz_number(in, &select->uidvalidity) || !imap_take_space(in) ||
        !imap_take_nz_number64(in, &select->modseq))
        return false;
    while (imap_accept(in, ' ')) {
        if (imap_peek(in) == '(') {
            if (!take_match(in, select))
                return false;
            break;
        }
        if (select->has_known_uids || !imap_take_set(in, false, &select->known_uids))
            return imap_fail(in, "the known UIDs of QRESYNC are malformed");
        select->has_known_uids = true;
        imap_set_resolve(&select->known_uids, 0);
    }
    return imap_take_char(in, ')');
}

static bool take_select_param(struct imap_input *in, void *context)
{
    struct imap_select *select = context;
    if (imap_accept_word(in, "CONDSTORE")) {
        select->condstore = true;
        return true;
    }
    if (imap_accept_word(in, "QRESYNC"))
        return take_qresync(in, select);
    return imap_fail(in, "no such parameter of SELECT");
}

bool imap_take_select(struct imap_input *in, struct imap_select *select)
{
    *select = (struct imap_select){0};
    if (!imap_take_mailbox(in, &select->mailbox))
        return false;
    if (imap_accept(in, ' ') && !imap_take_list_of(in, false, take_select_param, select))
        return false;
    return imap_take_end(in);
}

static bool take_store_modifier(struct imap_input *in, void *context)
{
    struct imap_store *store = context;
    store->has_unchanged_since = true;
    if (!imap_accept_word(in, "UNCHANGEDSINCE"))
        return imap_fail(in, "no such modifier of STORE");
    return imap_take_space(in) && imap_take_number64(in, &store->unchanged_since);
}

bool imap_take_store(struct imap_input *in, struct imap_store *store)
{
    *store = (struct imap_store){.how = IMAP_STORE_SET};
    if (imap_peek(in) == '(' &&
        (!imap_take_list_of(in, false, take_store_modifier, store) ||
         !imap_take_space(in)))
        return false;
    if (imap_accept(in, '+'))
        store->how = IMAP_STORE_ADD;
    else if (imap_accept(in, '-'))
        store->how = IMAP_STORE_REMOVE;
    store->is_silent = imap_accept_word(in, "FLAGS.SILENT");
    if (!store->is_silent && !imap_accept_word(in, "FLAGS"))
        return imap_fail(in, "FLAGS or FLAGS.SILENT is missing");
    return imap_take_space(in) && imap_take_flags(in, &store->flags) && imap_take_end(in);
}

bool imap_take_words(struct imap_input *in, struct imap_words *words)
{
    *words = (struct imap_words){0};
    do {
        struct view word;
        if (!imap_take_atom(in, &word))
            return false;
        char *upper = arena_cstr(in->arena, word);
        for (size_t i = 0; i < word.n; i++)
            upper[i] = (char)ascii_upper(upper[i]);
        if (!imap_add_view(in, &words->words, &words->count, WORDS_MAX,
                           (struct view){upper, word.n}))
            return false;
    } while (imap_accept(in, ' '));
    return imap_take_end(in);
}

static bool take_id_pair(struct imap_input *in, void *context)
{
    struct imap_pairs *pairs = context;
    struct imap_pair pair;
    if (!imap_take_string(in, &pair.name) || !imap_take_space(in) ||
        !imap_take_nstring(in, &pair.value))
        return false;
    if (pairs->count == 30 || pair.name.n > 30 || pair.value.n > 1024)
        return imap_fail(in, "too much in ID"); /* RFC 2971 3.3 */
    pairs->pairs =
        imap_array_grow(in->arena, pairs->pairs, pairs->count, sizeof *pairs->pairs);
    pairs->pairs[pairs->count++] = pair;
    return true;
}

bool imap_take_id(struct imap_input *in, struct imap_pairs *pairs)
{
    *pairs = (struct imap_pairs){0};
    return (imap_accept_word(in, "NIL") ||
            imap_take_list_of(in, true, take_id_pair, pairs)) &&
           imap_take_end(in);
}

/* "\Sent" */
static bool take_use(struct imap_input *in, void *context)
{
    struct imap_create *create = context;
    size_t start = in->at;
    struct view name;
    if (!imap_take_char(in, '\\') || !imap_take_atom(in, &name))
        return false;
    return imap_add_view(in, &create->uses, &create->use_count, USES_MAX,
                         view_sub(in->line, start, in->at - start));
}

static bool take_create_param(struct imap_input *in, void *context)
{
    if (!imap_accept_word(in, "USE"))
        return imap_fail(in, "no such parameter of CREATE");
    return imap_take_space(in) && imap_take_list_of(in, true, take_use, context);
}

bool imap_take_create(struct imap_input *in, struct imap_create *create)
{
    *create = (struct imap_create){0};
    if (!imap_take_mailbox(in, &create->mailbox))
        return false;
    if (imap_accept(in, ' ') && !imap_take_list_of(in, true, take_create_param, create))
        return false;
    return imap_take_end(in);
}

static bool take_quota_limit(struct imap_input *in, void *context)
{
    struct imap_quota *quota = context;
    struct imap_quota_limit limit;
    if (!imap_take_atom(in, &limit.resource) || !imap_take_space(in) ||
        !imap_take_number64(in, &limit.limit))
        return false;
    if (quota->count == WORDS_MAX)
        return imap_fail(in, "too many quota resources");
    quota->limits =
        imap_array_grow(in->arena, quota->limits, quota->count, sizeof *quota->limits);
    quota->limits[quota->count++] = limit;
    return true;
}

bool imap_take_setquota(struct imap_input *in, struct imap_quota *quota)
{
    *quota = (struct imap_quota){0};
    return imap_take_astring(in, &quota->root) && imap_take_space(in) &&
           imap_take_list_of(in, true, take_quota_limit, quota) && imap_take_end(in);
}
