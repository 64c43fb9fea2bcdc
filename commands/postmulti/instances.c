/* instances - the primary instance and those that it lists */
#include "postmulti.h"

#include "base/log.h"
#include "service/instance.h"

bool is_word_of(struct view list, struct view word)
{
    struct view one;

    while (view_token(&list, VIEW(", \t\r\n"), &one))
        if (view_eq(one, word))
            return true;
    return false;
}

static struct conf *load(const char *directory)
{
    struct error e = ERROR_INIT;
    struct conf *c;

    if (!conf_load(directory, NULL, 0, &c, &e))
        log_fatal("Cannot parse %s/main.cf file: %s", directory, error_cstr(&e));
    return c;
}

static struct instance describe(struct arena *a, const struct conf *c,
                                const char *directory)
{
    return (struct instance){
        .directory = directory,
        .name = arena_cstr(a, conf_view(c, P_multi_instance_name)),
        .group = arena_cstr(a, conf_view(c, P_multi_instance_group)),
        .queue = arena_cstr(a, conf_view(c, P_queue_directory)),
        .data = arena_cstr(a, conf_view(c, P_data_directory)),
        .is_enabled = conf_bool(c, P_multi_instance_enable),
    };
}

/* No two instances may share what VALUE and OTHER name. */
static void must_differ(const struct instance *i, const struct instance *other,
                        const char *what, const char *value, const char *others)
{
    if (value[0] && strcmp(value, others) == 0)
        log_fatal("instance %s, %s=%s conflicts with instance %s=%s", i->directory, what,
                  value, "config_directory", other->directory);
}

static void check_apart(const struct instances *all)
{
    for (size_t i = 1; i < all->n; i++) {
        for (size_t k = 0; k < i; k++) {
            const struct instance *one = &all->items[i], *other = &all->items[k];
            must_differ(one, other, "config_directory", one->directory, other->directory);
            must_differ(one, other, "queue_directory", one->queue, other->queue);
            must_differ(one, other, "data_directory", one->data, other->data);
            must_differ(one, other, "multi_instance_name", one->name, other->name);
        }
    }
}

void instances_load(struct instances *all)
{
    struct view rest, directory;

    all->primary = load(INSTANCE_DEFAULT_DIRECTORY);
    rest = conf_view(all->primary, P_multi_instance_directories);
    all->items = arena_alloc_array(all->arena, rest.n / 2 + 2, sizeof all->items[0]);
    all->items[0] = describe(all->arena, all->primary, INSTANCE_DEFAULT_DIRECTORY);
    all->items[0].is_primary = true;
    all->n = 1;
    while (view_token(&rest, VIEW(", \t\r\n"), &directory)) {
        const char *path = arena_cstr(all->arena, directory);
        struct conf *c = load(path);
        all->items[all->n++] = describe(all->arena, c, path);
        conf_free(c);
    }
    /* With no others the host has the one instance that every command is for. */
    if (all->n == 1)
        all->items[0].is_alone = true;
    check_apart(all);
}

bool instance_fits(const struct instance *i, const struct request *r)
{
    switch (r->selection) {
    case SELECT_GROUP:
        return strcmp(i->group, r->wanted) == 0;
    case SELECT_NAME:
        if (strcmp(r->wanted, "-") == 0)
            return i->is_primary;
        return strcmp(r->wanted[0] == '/' ? i->directory : i->name, r->wanted) == 0;
    case SELECT_ALL:
        break;
    }
    return true;
}
