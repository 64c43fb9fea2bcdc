/* fake_host - tests: a mail server that does as it is told, in a thread of the test */
#include "fake_host.h"

#include "net/address.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_MS 20000

struct line_reader {
    int fd;
    char bytes[2048];
    size_t n;
};

/* Wait for FD, at most PATIENCE_MS, or until the test ends the host. */
static bool wait_readable(struct fake_host *h, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (int waited = 0; waited < PATIENCE_MS && !h->is_ending; waited += 20) {
        if (poll(&p, 1, 20) > 0)
            return true;
    }
    return false;
}

/* The next line without its end; false when the client is gone. */
static bool read_line(struct fake_host *h, struct line_reader *r, struct str *line)
{
    for (;;) {
        struct view all = {r->bytes, r->n};
        size_t end = view_find(all, '\n');
        if (end != VIEW_NPOS) {
            struct view text = view_sub(all, 0, end);
            str_set(line,
                    view_ends(text, VIEW("\r")) ? view_sub(text, 0, end - 1) : text);
            memmove(r->bytes, r->bytes + end + 1, r->n - end - 1);
            r->n -= end + 1;
            return true;
        }
        if (!wait_readable(h, r->fd))
            return false;
        ssize_t got = read(r->fd, r->bytes + r->n, sizeof r->bytes - r->n);
        if (got <= 0)
            return false;
        r->n += (size_t)got;
    }
}

static void say(int fd, const char *text)
{
    struct str line = STR_INIT(8192);
    str_addf(&line, "%s\r\n", text);
    (void)!send(fd, line.p, line.n, MSG_NOSIGNAL);
    str_done(&line);
}

static void remember(struct fake_host *h, struct view line)
{
    pthread_mutex_lock(&h->lock);
    str_add(&h->heard, line);
    str_add_char(&h->heard, '\n');
    pthread_mutex_unlock(&h->lock);
}

static const char *or_usual(const char *told, const char *usual)
{
    return told ? told : usual;
}

static bool read_content(struct fake_host *h, struct line_reader *r, struct str *line)
{
    while (read_line(h, r, line)) {
        remember(h, str_view(line));
        if (view_eq(str_view(line), VIEW(".")))
            return true;
    }
    return false;
}

static bool do_data(struct fake_host *h, struct line_reader *r, struct str *line)
{
    const char *reply = or_usual(h->data, h->recipients ? "354 go" : "503 5.5.1 nobody");
    say(r->fd, reply);
    if (reply[0] != '3')
        return true;
    if (!read_content(h, r, line))
        return false;
    h->messages++;
    for (unsigned i = 0; i < (h->is_lmtp ? h->recipients : 1); i++)
        say(r->fd, or_usual(h->end, "250 2.0.0 taken"));
    h->recipients = 0;
    return !h->ends_after_message;
}

static void do_rcpt(struct fake_host *h, int fd, const char *line)
{
    const char *reply = or_usual(h->rcpt, "250 2.1.5 ok");
    if (h->rcpt_of[0] && strstr(line, h->rcpt_of[0]))
        reply = h->rcpt_of[1];
    h->recipients += reply[0] == '2';
    say(fd, reply);
}

/* Answer one command; false ends the session. */
static bool answer(struct fake_host *h, struct line_reader *r, struct str *line)
{
    struct view v = str_view(line);
    if (view_starts(v, VIEW("MAIL")) && ++h->mails == 2 && h->ends_at_second_mail)
        return false;
    if (view_starts(v, VIEW("EHLO")) || view_starts(v, VIEW("LHLO")))
        say(r->fd, or_usual(h->hello, "250-fake.example\r\n250 PIPELINING"));
    else if (view_starts(v, VIEW("MAIL")))
        say(r->fd, or_usual(h->mail, "250 2.1.0 ok"));
    else if (view_starts(v, VIEW("RCPT")))
        do_rcpt(h, r->fd, str_cstr(line));
    else if (view_starts(v, VIEW("DATA")))
        return do_data(h, r, line);
    else if (view_starts(v, VIEW("QUIT")))
        return say(r->fd, "221 bye"), false;
    else if (view_starts(v, VIEW("RSET")))
        h->recipients = 0, say(r->fd, "250 reset");
    else
        say(r->fd, "502 what?");
    return true;
}

static void serve(struct fake_host *h, int fd)
{
    struct line_reader r = {.fd = fd};
    struct str line = STR_INIT(8192);
    h->sessions++;
    h->recipients = h->mails = 0;
    bool go_on = !h->is_silent || (wait_readable(h, fd), false);
    if (go_on)
        say(fd, or_usual(h->greeting, "220 fake.example ESMTP"));
    while (go_on && read_line(h, &r, &line)) {
        remember(h, str_view(&line));
        go_on = answer(h, &r, &line);
    }
    str_done(&line);
    close(fd);
}

static void *run(void *arg)
{
    struct fake_host *h = arg;
    while (!h->is_ending) {
        if (!wait_readable(h, h->listener))
            continue;
        int fd = accept(h->listener, NULL, NULL);
        if (fd >= 0)
            serve(h, fd);
    }
    return NULL;
}

void fake_host_start(struct fake_host *h, const char *address, unsigned port)
{
    struct net_address at;
    bool good = port ? net_address_parse(view_of(address), (uint16_t)port, &at)
                     : net_address_unix(view_of(address), &at);
    assert(good);
    h->listener = socket(at.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(h->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(h->listener, &at.sa, at.length) != 0 || listen(h->listener, 10) != 0) {
        perror(address);
        abort();
    }
    if (!port)
        (void)chmod(address, 0777);
    str_init(&h->heard, 1 << 20);
    h->is_ending = false;
    pthread_mutex_init(&h->lock, NULL);
    pthread_create(&h->thread, NULL, run, h);
}

void fake_host_stop(struct fake_host *h)
{
    h->is_ending = true;
    pthread_join(h->thread, NULL);
    close(h->listener);
    str_done(&h->heard);
}

bool fake_host_heard(struct fake_host *h, const char *text)
{
    pthread_mutex_lock(&h->lock);
    bool found = strstr(str_cstr(&h->heard), text) != NULL;
    pthread_mutex_unlock(&h->lock);
    return found;
}

unsigned free_port(void)
{
    struct net_address at;
    struct sockaddr_storage got = {0};
    socklen_t n = sizeof got;
    bool good = net_address_parse(VIEW("127.0.0.1"), 0, &at);
    assert(good);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    good = bind(fd, &at.sa, at.length) == 0 &&
           getsockname(fd, (struct sockaddr *)&got, &n) == 0;
    assert(good);
    close(fd);
    net_address_set(&at, (struct sockaddr *)&got, n);
    return net_address_port(&at);
}
