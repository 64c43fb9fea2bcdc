/* macro - the command line of a delivery
 *
 * An argument that mentions a recipient's address, or a part of it, is repeated for each
 * recipient; the others are expanded once.  pipe(8), argv=.
 */
#include "pipe.h"

#include "conf/expand.h"

#include <inttypes.h>

/* Most bytes of one argument, and most arguments: what the kernel takes with room to
 * spare. */
#define ARGUMENT_MAX  ((size_t)64 * 1024)
#define ARGUMENTS_MAX ((size_t)16 * 1024)

struct expansion {
    const struct pipe_setup *setup;
    const struct delivery *d;
    const struct delivery_recipient *r; /* NULL while looking at what is mentioned */
};

/* Append V, with letters folded when the setup has FLAG. */
static bool add_folded(struct str *out, struct view v, bool fold)
{
    return fold ? address_fold(v, out) : str_add(out, v);
}

/* Append ADDRESS as the flags h, u and q want it. */
static bool add_address(const struct pipe_setup *p, struct view address, struct str *out)
{
    struct str folded = STR_INIT(ARGUMENT_MAX);
    struct view local, domain;

    if (address_split(address, &local, &domain)) {
        add_folded(&folded, local, p->flags & PIPE_FOLD_USER);
        str_add_char(&folded, '@');
        add_folded(&folded, domain, p->flags & PIPE_FOLD_HOST);
    } else {
        add_folded(&folded, address, p->flags & PIPE_FOLD_USER);
    }
    bool ok = p->flags & PIPE_QUOTE ? address_quote_822(str_view(&folded), out)
                                    : str_add(out, str_view(&folded));
    str_done(&folded);
    return ok;
}

/* ${user}, ${extension}, ${mailbox}, ${domain}. */
static bool add_part(const struct expansion *x, struct view name, struct str *out)
{
    const struct pipe_setup *p = x->setup;
    struct view local, domain, user, extension;

    address_split(x->r->in.address, &local, &domain);
    if (view_eq(name, VIEW("domain")))
        return add_folded(out, domain, p->flags & PIPE_FOLD_HOST);
    if (view_eq(name, VIEW("mailbox")))
        return add_folded(out, local, p->flags & PIPE_FOLD_USER);
    address_split_extension(local, &p->delimiters, &user, &extension);
    return add_folded(out, view_eq(name, VIEW("user")) ? user : extension,
                      p->flags & PIPE_FOLD_USER);
}

/* Macros that differ by recipient. */
static bool is_per_recipient(struct view name)
{
    static const struct view names[] = {VIEW("recipient"), VIEW("original_recipient"),
                                        VIEW("user"),      VIEW("extension"),
                                        VIEW("mailbox"),   VIEW("domain")};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (view_eq(name, names[i]))
            return true;
    return false;
}

static bool add_sender(const struct expansion *x, struct str *out)
{
    struct view sender = x->d->envelope.sender;

    if (sender.n == 0)
        sender = x->setup->null_sender;
    if (x->setup->flags & PIPE_QUOTE && sender.n > 0)
        return address_quote_822(sender, out);
    return str_add(out, sender);
}

/* Macros with the value of one attribute of the request. */
static bool find_plain(const struct expansion *x, struct view name, struct view *value)
{
    const struct envelope *env = &x->d->envelope;
    const struct {
        struct view name, value;
    } all[] = {{VIEW("client_address"), env->client_address},
               {VIEW("client_helo"), env->helo_name},
               {VIEW("client_hostname"), env->client_name},
               {VIEW("client_port"), env->client_port},
               {VIEW("client_protocol"), env->protocol_name},
               {VIEW("queue_id"), queue_id_view(&x->d->id)},
               {VIEW("sasl_method"), env->sasl_method},
               {VIEW("sasl_sender"), env->sasl_sender},
               {VIEW("sasl_username"), env->sasl_username}};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (view_eq(name, all[i].name)) {
            *value = all[i].value;
            return true;
        }
    }
    return false;
}

/* The value of macro NAME. */
static bool add_macro(struct view name, struct str *out, struct error *e, void *arg)
{
    const struct expansion *x = arg;
    struct view value;

    if (view_eq(name, VIEW("recipient")))
        return add_address(x->setup, x->r->in.address, out);
    if (view_eq(name, VIEW("original_recipient")))
        return add_address(x->setup, x->r->in.original, out);
    if (is_per_recipient(name))
        return add_part(x, name, out);
    if (view_eq(name, VIEW("sender")))
        return add_sender(x, out);
    if (view_eq(name, VIEW("nexthop")))
        return add_folded(out, x->d->nexthop, x->setup->flags & PIPE_FOLD_HOST);
    if (view_eq(name, VIEW("size")))
        return str_addf(out, "%" PRIu64, x->d->content_size);
    if (find_plain(x, name, &value))
        return str_add(out, value);
    error_set(e, "4.3.5", "unknown macro name: \"%.*s\"", VIEW_FMT(name));
    return false;
}

static void note_recipient(struct view name, void *arg)
{
    bool *mentioned = arg;

    if (is_per_recipient(name))
        *mentioned = true;
}

struct arguments {
    struct arena *arena;
    const char **items;
    size_t n;
};

/* One argument, expanded. */
static bool add_argument(struct arguments *args, const struct expansion *x,
                         struct view text, struct error *e)
{
    struct str out = STR_INIT(ARGUMENT_MAX);
    union {
        const struct expansion *in;
        void *out;
    } arg = {.in = x};
    bool ok = expand_text(text, add_macro, arg.out, &out, e);

    if (ok && args->n >= ARGUMENTS_MAX) {
        error_set(e, "4.3.5", "more than %zu arguments", ARGUMENTS_MAX);
        ok = false;
    }
    if (ok)
        args->items[args->n++] = arena_cstr(args->arena, str_view(&out));
    str_done(&out);
    return ok;
}

const char *const *pipe_expand(const struct pipe_setup *p, struct delivery *d,
                               struct error *e)
{
    struct expansion x = {.setup = p, .d = d};
    struct arguments args = {.arena = d->arena};
    size_t most = p->argc * (d->n_recipients + 1) + 1;

    args.items = arena_alloc_array(d->arena, most, sizeof *args.items);
    for (size_t i = 0; i < p->argc; i++) {
        bool repeated = false;
        expand_names(p->argv[i], note_recipient, &repeated);
        size_t times = repeated ? d->n_recipients : 1;
        for (size_t r = 0; r < times; r++) {
            x.r = &d->recipients[r];
            if (!add_argument(&args, &x, p->argv[i], e))
                return NULL;
        }
    }
    return args.items;
}
