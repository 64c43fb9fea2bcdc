/* maildir_keywords - the letters of keywords, as Dovecot keeps them
 *
 * The file dovecot-keywords of a folder has lines "NUMBER NAME"; number 0 is letter "a".
 * Keywords beyond the 26 letters are in the index only.
 */
#include "base/memory.h"
#include "base/number.h"
#include "store/copy.h"
#include "store/maildir_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 * 1024 };
#define NAME "dovecot-keywords"

void maildir_letters_forget(struct maildir_state *s)
{
    for (size_t i = 0; i < MAILDIR_LETTERS; i++) {
        memory_free(s->letters[i]);
        s->letters[i] = NULL;
    }
    s->has_letters = false;
}

static void parse(struct maildir_state *s, struct view text)
{
    struct view line, number, name;
    uint64_t i;

    while (text.n > 0) {
        view_cut(text, '\n', &line, &text);
        if (!view_cut(line, ' ', &number, &name) ||
            !number_parse_u64(number, 0, MAILDIR_LETTERS - 1, &i) || name.n == 0 ||
            name.n > MAILBOX_KEYWORD_SIZE)
            continue;
        memory_free(s->letters[i]);
        s->letters[i] = memory_alloc(name.n + 1);
        memcpy(s->letters[i], name.p, name.n);
    }
}

void maildir_letters_read(struct mailbox *b)
{
    struct maildir_state *s = b->state;
    struct str path = STR_INIT(PATH_MAX), text = STR_INIT(FILE_MAX);
    struct stat st;

    str_setf(&path, "%s/" NAME, b->path);
    bool there = stat(str_cstr(&path), &st) == 0;
    bool same = s->has_letters && there && st.st_mtim.tv_sec == s->letters_time.tv_sec &&
                st.st_mtim.tv_nsec == s->letters_time.tv_nsec;
    if (there && !same && store_read_file(str_cstr(&path), &text)) {
        maildir_letters_forget(s);
        parse(s, str_view(&text));
        s->letters_time = st.st_mtim;
        s->has_letters = true;
        for (size_t i = 0; i < MAILDIR_LETTERS; i++)
            if (s->letters[i])
                (void)mailbox_make_keyword(b, view_of(s->letters[i]));
    }
    str_done(&path);
    str_done(&text);
}

static size_t letter_of(const struct maildir_state *s, struct view name)
{
    for (size_t i = 0; i < MAILDIR_LETTERS; i++)
        if (s->letters[i] && view_eq_case(view_of(s->letters[i]), name))
            return i;
    return SIZE_MAX;
}

uint64_t maildir_keywords_of(const struct mailbox *b, struct view letters)
{
    const struct maildir_state *s = b->state;
    uint64_t bits = 0;
    unsigned bit;

    for (size_t i = 0; i < letters.n; i++) {
        int c = (unsigned char)letters.p[i];
        if (ascii_is_lower(c) && s->letters[c - 'a'] &&
            mailbox_keyword_find(b, view_of(s->letters[c - 'a']), &bit))
            bits |= UINT64_C(1) << bit;
    }
    return bits;
}

uint64_t maildir_keywords_known(const struct mailbox *b)
{
    return maildir_keywords_of(b, VIEW("abcdefghijklmnopqrstuvwxyz"));
}

/* Write the file anew, beside and then over the old one, under Dovecot's lock. */
static bool write_letters(struct mailbox *b)
{
    struct maildir_state *s = b->state;
    struct str path = STR_INIT(PATH_MAX), lock = STR_INIT(PATH_MAX),
               text = STR_INIT(FILE_MAX);
    struct stat st;

    str_setf(&path, "%s/" NAME, b->path);
    str_setf(&lock, "%s.lock", str_cstr(&path));
    for (size_t i = 0; i < MAILDIR_LETTERS; i++)
        if (s->letters[i])
            str_addf(&text, "%zu %s\n", i, s->letters[i]);
    int fd = open(str_cstr(&lock), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && copy_write_all(fd, str_view(&text)) && fstat(fd, &st) == 0 &&
              rename(str_cstr(&lock), str_cstr(&path)) == 0;
    if (ok)
        s->letters_time = st.st_mtim;
    else if (fd >= 0)
        unlink(str_cstr(&lock));
    if (fd >= 0)
        close(fd);
    str_done(&path);
    str_done(&lock);
    str_done(&text);
    return ok;
}

/* Give NAME a letter when there is one left. */
static size_t give_letter(struct mailbox *b, const char *name)
{
    struct maildir_state *s = b->state;

    maildir_letters_read(b);
    size_t i = letter_of(s, view_of(name));
    if (i != SIZE_MAX)
        return i;
    for (i = 0; i < MAILDIR_LETTERS && s->letters[i]; i++)
        ;
    if (i == MAILDIR_LETTERS)
        return SIZE_MAX;
    s->letters[i] = memory_cstr(name);
    if (write_letters(b)) {
        s->has_letters = true;
        return i;
    }
    memory_free(s->letters[i]);
    s->letters[i] = NULL;
    return SIZE_MAX;
}

uint32_t maildir_letters_of(struct mailbox *b, uint64_t keywords)
{
    uint32_t letters = 0;

    for (unsigned bit = 0; bit < b->n_keywords; bit++) {
        if (!(keywords >> bit & 1))
            continue;
        size_t i = letter_of(b->state, view_of(b->keywords[bit]));
        if (i == SIZE_MAX)
            i = give_letter(b, b->keywords[bit]);
        if (i != SIZE_MAX)
            letters |= 1u << i;
    }
    return letters;
}

void maildir_keyword_added(struct mailbox *b, unsigned bit)
{
    (void)maildir_letters_of(b, UINT64_C(1) << bit);
}
