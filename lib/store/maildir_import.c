/* maildir_import - UIDs that Dovecot or Courier gave to the files of a Maildir
 *
 * Read once, when we first see the folder; never changed.
 * dovecot-uidlist, version 3: "3 V<uidvalidity> N<next uid> G<guid>", then lines
 * "UID [extensions] :BASE"; version 1: "1 uidvalidity next", then "UID BASE", which is
 * also what courierimapuiddb has.
 */
#include "base/number.h"
#include "store/maildir_driver.h"

#include <limits.h>

#define LIST_MAX ((size_t)256 * 1024 * 1024)

static void note(struct hash *uids, struct view base, uint64_t uid)
{
    struct view name, info;

    (void)view_cut(base, ':', &name, &info);
    if (name.n > 0)
        (void)hash_put(uids, name, (void *)(uintptr_t)uid); // NOLINT
}

/* Lines "UID BASE", or "UID ... :BASE". */
static void parse_lines(struct view rest, bool has_extensions, struct hash *uids)
{
    struct view line;
    uint64_t uid;

    while (rest.n > 0) {
        view_cut(rest, '\n', &line, &rest);
        if (!number_take_u64(&line, UINT32_MAX - 1, &uid) || uid == 0)
            continue;
        if (!has_extensions) {
            note(uids, view_trim_space(line), uid);
            continue;
        }
        size_t at = view_find_view(line, VIEW(" :"));
        if (at != VIEW_NPOS)
            note(uids, view_from(line, at + 2), uid);
    }
}

/* "1 uidvalidity next" */
static bool parse_first(struct view line, uint32_t *uidvalidity, uint32_t *uidnext)
{
    struct view word;
    uint64_t n[3];

    for (size_t i = 0; i < 3; i++)
        if (!view_token(&line, VIEW(" "), &word) ||
            !number_parse_u64(word, 1, UINT32_MAX, &n[i]))
            return false;
    *uidvalidity = (uint32_t)n[1];
    *uidnext = (uint32_t)n[2];
    return n[0] == 1;
}

bool maildir_import_courier(struct view text, struct hash *uids, uint32_t *uidvalidity,
                            uint32_t *uidnext)
{
    struct view line, rest;

    if (!view_cut(text, '\n', &line, &rest) || !parse_first(line, uidvalidity, uidnext))
        return false;
    parse_lines(rest, false, uids);
    return true;
}

bool maildir_import_dovecot(struct view text, struct hash *uids, uint32_t *uidvalidity,
                            uint32_t *uidnext)
{
    struct view line, rest, word, fields;
    uint64_t n;

    if (!view_cut(text, '\n', &line, &rest))
        return false;
    if (!view_starts(line, VIEW("3 ")))
        return maildir_import_courier(text, uids, uidvalidity, uidnext);
    *uidvalidity = *uidnext = 0;
    fields = view_from(line, 2);
    while (view_token(&fields, VIEW(" "), &word)) {
        if (!number_parse_u64(view_from(word, 1), 1, UINT32_MAX, &n))
            continue;
        if (word.p[0] == 'V')
            *uidvalidity = (uint32_t)n;
        if (word.p[0] == 'N')
            *uidnext = (uint32_t)n;
    }
    if (*uidvalidity == 0)
        return false;
    parse_lines(rest, true, uids);
    return true;
}

struct hash *maildir_import(const struct mailbox *b, uint32_t *uidvalidity,
                            uint32_t *uidnext)
{
    struct str path = STR_INIT(PATH_MAX), text = STR_INIT(LIST_MAX);
    struct hash *uids = hash_new();
    bool ok = false;

    str_setf(&path, "%s/dovecot-uidlist", b->path);
    if (store_read_file(str_cstr(&path), &text))
        ok = maildir_import_dovecot(str_view(&text), uids, uidvalidity, uidnext);
    str_setf(&path, "%s/courierimapuiddb", b->path);
    if (!ok && store_read_file(str_cstr(&path), &text))
        ok = maildir_import_courier(str_view(&text), uids, uidvalidity, uidnext);
    str_done(&path);
    str_done(&text);
    if (ok)
        return uids;
    hash_free(uids, NULL);
    *uidvalidity = *uidnext = 0;
    return NULL;
}
