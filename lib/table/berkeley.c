/* berkeley - files that Berkeley DB wrote: what Postfix left behind */
#include "table/berkeley.h"

#include "base/str.h"

#include <byteswap.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The magic number stands at offset 12, in the writer's byte order. */
enum { MAGIC_OFFSET = 12, MAGIC_HASH = 0x061561, MAGIC_BTREE = 0x053162 };
/* Places in the first page, and in the head of each. */
enum { PAGE_SIZE_OFFSET = 20, ENCRYPTION_OFFSET = 24, FLAGS_OFFSET = 26 };
enum {
    NEXT_OFFSET = 16,
    ENTRIES_OFFSET = 20,
    LENGTH_OFFSET = 22,
    TYPE_OFFSET = 25,
    HEAD_BYTES = 26
};
/* Pages that hold entries, and parts of long values. */
enum { PAGE_HASH_UNSORTED = 2, PAGE_BTREE_LEAF = 5, PAGE_OVERFLOW = 7, PAGE_HASH = 13 };
/* Items on a hash page, and on a btree page. */
enum { HASH_KEY_DATA = 1, HASH_OFF_PAGE = 3 };
enum { TREE_KEY_DATA = 1, TREE_OVERFLOW = 3, TREE_DELETED = 0x80 };
enum { PAGE_MIN = 512, PAGE_MAX = 65536, ITEM_MAX = 1024 * 1024 };

struct reader {
    struct view file;
    size_t page_size;
    struct str key, value; /* long items, put together */
    berkeley_entry_fn *fn;
    void *arg;
};

bool berkeley_is_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned char head[MAGIC_OFFSET + 4];
    uint32_t magic = 0;

    if (fd < 0)
        return false;
    ssize_t n = pread(fd, head, sizeof head, 0);
    close(fd);
    if (n != (ssize_t)sizeof head)
        return false;
    memcpy(&magic, head + MAGIC_OFFSET, sizeof magic);
    return magic == MAGIC_HASH || magic == MAGIC_BTREE || bswap_32(magic) == MAGIC_HASH ||
           bswap_32(magic) == MAGIC_BTREE;
}

/* Numbers in V at AT; 0 beyond its end. */
static uint32_t number32(struct view v, size_t at)
{
    uint32_t n = 0;

    if (at <= v.n && v.n - at >= sizeof n)
        memcpy(&n, v.p + at, sizeof n);
    return n;
}

static uint16_t number16(struct view v, size_t at)
{
    uint16_t n = 0;

    if (at <= v.n && v.n - at >= sizeof n)
        memcpy(&n, v.p + at, sizeof n);
    return n;
}

static unsigned number8(struct view v, size_t at)
{
    return at < v.n ? (unsigned char)v.p[at] : 0;
}

static bool damaged(struct error *e, const char *what)
{
    error_set(e, "4.3.0", "damaged, or of another form: %s", what);
    return false;
}

/* Page NUMBER; empty when there is none. */
static struct view page_at(const struct reader *r, uint32_t number)
{
    size_t at;

    if (!__builtin_mul_overflow((size_t)number, r->page_size, &at) && at < r->file.n)
        return view_sub(r->file, at, r->page_size);
    return VIEW_NONE;
}

/* The item of LENGTH bytes in the chain of pages that starts with NUMBER, into OUT. */
static bool read_chain(const struct reader *r, uint32_t number, uint32_t length,
                       struct str *out, struct error *e)
{
    str_clear(out);
    while (number != 0 && out->n < length) {
        struct view page = page_at(r, number);
        struct view part = view_sub(page, HEAD_BYTES, number16(page, LENGTH_OFFSET));
        if (number8(page, TYPE_OFFSET) != PAGE_OVERFLOW || part.n == 0)
            return damaged(e, "a long value breaks off");
        if (!str_add(out, part))
            break;
        number = number32(page, NEXT_OFFSET);
    }
    return (out->n == length && !out->overflow) || damaged(e, "a long value");
}

/* Item I of hash page PAGE: it ends where the one before begins. */
static bool hash_item(const struct reader *r, struct view page, size_t i,
                      struct str *room, struct view *out, struct error *e)
{
    size_t from = number16(page, HEAD_BYTES + 2 * i);
    size_t to = i == 0 ? page.n : number16(page, HEAD_BYTES + 2 * (i - 1));
    struct view item = to > from ? view_sub(page, from, to - from) : VIEW_NONE;

    *out = view_from(item, 1);
    if (number8(item, 0) == HASH_KEY_DATA)
        return true;
    if (number8(item, 0) != HASH_OFF_PAGE)
        return damaged(e, "an unknown kind of entry");
    bool ok = read_chain(r, number32(item, 4), number32(item, 8), room, e);
    *out = str_view(room);
    return ok;
}

/* Item I of btree page PAGE; *IS_DELETED. */
static bool tree_item(const struct reader *r, struct view page, size_t i,
                      struct str *room, struct view *out, bool *is_deleted,
                      struct error *e)
{
    struct view item = view_from(page, number16(page, HEAD_BYTES + 2 * i));
    unsigned kind = number8(item, 2);

    *is_deleted = (kind & TREE_DELETED) != 0;
    kind &= ~(unsigned)TREE_DELETED;
    *out = view_sub(item, 3, number16(item, 0));
    if (kind == TREE_KEY_DATA)
        return out->n == number16(item, 0) || damaged(e, "an entry breaks off");
    if (kind != TREE_OVERFLOW)
        return damaged(e, "an unknown kind of entry");
    bool ok = read_chain(r, number32(item, 4), number32(item, 8), room, e);
    *out = str_view(room);
    return ok;
}

static struct view without_nul(struct view v)
{
    return v.n > 0 && v.p[v.n - 1] == '\0' ? view_sub(v, 0, v.n - 1) : v;
}

/* Entry I, a key and its value, of PAGE. */
static bool read_entry(struct reader *r, struct view page, size_t i, bool is_tree,
                       struct error *e)
{
    struct view key, value;
    bool is_deleted = false, value_deleted = false;
    bool ok;

    if (is_tree)
        ok = tree_item(r, page, i, &r->key, &key, &is_deleted, e) &&
             tree_item(r, page, i + 1, &r->value, &value, &value_deleted, e);
    else
        ok = hash_item(r, page, i, &r->key, &key, e) &&
             hash_item(r, page, i + 1, &r->value, &value, e);
    if (ok && !is_deleted && !value_deleted)
        r->fn(without_nul(key), without_nul(value), r->arg);
    return ok;
}

/* All entries of PAGE; a page of another kind has none. */
static bool read_page(struct reader *r, struct view page, struct error *e)
{
    unsigned type = number8(page, TYPE_OFFSET);
    bool is_tree = type == PAGE_BTREE_LEAF;
    size_t n = number16(page, ENTRIES_OFFSET);

    if (!is_tree && type != PAGE_HASH && type != PAGE_HASH_UNSORTED)
        return true;
    if (page.n < r->page_size || n % 2 != 0 || HEAD_BYTES + 2 * n > page.n)
        return damaged(e, "a page with a bad head");
    for (size_t i = 0; i < n; i += 2)
        if (!read_entry(r, page, i, is_tree, e))
            return false;
    return true;
}

bool berkeley_parse(struct view file, berkeley_entry_fn *fn, void *arg, struct error *e)
{
    uint32_t magic = number32(file, MAGIC_OFFSET);
    struct reader r = {.file = file,
                       .page_size = number32(file, PAGE_SIZE_OFFSET),
                       .key = STR_INIT(ITEM_MAX),
                       .value = STR_INIT(ITEM_MAX),
                       .fn = fn,
                       .arg = arg};
    bool ok = true;

    if (magic != MAGIC_HASH && magic != MAGIC_BTREE)
        return damaged(e, "the byte order of another machine");
    if (r.page_size < PAGE_MIN || r.page_size > PAGE_MAX ||
        (r.page_size & (r.page_size - 1)) != 0 || number8(file, ENCRYPTION_OFFSET) != 0 ||
        number8(file, FLAGS_OFFSET) != 0)
        return damaged(e, "the first page");
    for (size_t at = r.page_size; ok && at < file.n; at += r.page_size)
        ok = read_page(&r, view_sub(file, at, r.page_size), e);
    str_done(&r.key);
    str_done(&r.value);
    return ok;
}

bool berkeley_read(const char *path, berkeley_entry_fn *fn, void *arg, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st = {.st_size = 0};
    void *p = MAP_FAILED;
    bool ok = false;

    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        error_set_errno(e, "4.3.0", "open %s", path);
    } else {
        ok = berkeley_parse((struct view){p, (size_t)st.st_size}, fn, arg, e);
        munmap(p, (size_t)st.st_size);
    }
    if (fd >= 0)
        close(fd);
    return ok;
}
