/* dns_files - /etc/hosts and /etc/resolv.conf, read once before the sandbox closes */
#include "net/dns_files.h"

#include "base/arena.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SPACES VIEW(" \t\r")

struct host {
    struct net_address address;
    struct view name;
    bool is_first; /* of its line: the official name */
};

struct dns_hosts {
    struct arena *arena;
    struct host *items;
    size_t n, cap;
};

static void add_host(struct dns_hosts *h, const struct net_address *address,
                     struct view name, bool is_first)
{
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->items = memory_resize(h->items, h->cap * sizeof(h->items[0]));
    }
    h->items[h->n++] = (struct host){*address, arena_dup(h->arena, name), is_first};
}

struct dns_hosts *dns_hosts_parse(struct view text)
{
    struct dns_hosts *h = NEW(struct dns_hosts);
    struct view line, word;
    struct net_address address;

    h->arena = arena_new();
    while (text.n > 0) {
        view_cut(text, '\n', &line, &text);
        view_cut(line, '#', &line, &(struct view){NULL, 0});
        if (!view_token(&line, SPACES, &word) || !net_address_parse(word, 0, &address))
            continue;
        for (bool first = true; view_token(&line, SPACES, &word); first = false)
            add_host(h, &address, word, first);
    }
    return h;
}

void dns_hosts_free(struct dns_hosts *h)
{
    if (!h)
        return;
    memory_free(h->items);
    arena_free(h->arena);
    memory_free(h);
}

bool dns_hosts_next(const struct dns_hosts *h, size_t *position, struct view name,
                    struct net_address *out)
{
    while (*position < h->n) {
        const struct host *item = &h->items[(*position)++];
        if (view_eq_case(item->name, name)) {
            *out = item->address;
            return true;
        }
    }
    return false;
}

struct view dns_hosts_name(const struct dns_hosts *h, const struct net_address *address)
{
    for (size_t i = 0; i < h->n; i++) {
        if (h->items[i].is_first && net_address_eq(&h->items[i].address, address))
            return h->items[i].name;
    }
    return VIEW_NONE;
}

bool dns_resolv_conf_next(struct view *rest, struct view *nameserver)
{
    struct view line, word;

    while (rest->n > 0) {
        view_cut(*rest, '\n', &line, rest);
        if (view_token(&line, SPACES, &word) && view_eq(word, VIEW("nameserver")) &&
            view_token(&line, SPACES, nameserver))
            return true;
    }
    return false;
}

bool dns_file_read(const char *path, struct str *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    for (;;) {
        char *p = str_reserve(out, 512);
        if (!p)
            break; /* as much as the limit allows */
        ssize_t got = read(fd, p, 512);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        out->n += (size_t)got;
    }
    close(fd);
    return true;
}
