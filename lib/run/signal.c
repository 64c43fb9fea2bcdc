/* signal - signals as events of the loop, by signalfd(2) */
#include "run/fiber_internal.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static struct {
    sigset_t taken;
    sigset_t mask_before; /* of the process, at loop_init() */
    struct watch watch;
    bool open;
    struct {
        void (*fn)(int signo, void *arg);
        void *arg;
    } handlers[NSIG];
} signals;

void signals_init(void)
{
    memset(&signals, 0, sizeof signals);
    sigemptyset(&signals.taken);
    sigprocmask(SIG_SETMASK, NULL, &signals.mask_before);
}

void signals_done(void)
{
    if (signals.open) {
        watch_remove(&signals.watch);
        close(signals.watch.fd);
    }
    signals.open = false;
    sigprocmask(SIG_SETMASK, &signals.mask_before, NULL);
}

/* Call the handlers of all signals that wait. */
static void read_signals(struct watch *w)
{
    struct signalfd_siginfo info;

    while (read(w->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        int signo = (int)info.ssi_signo;
        if (signo > 0 && signo < NSIG && signals.handlers[signo].fn)
            signals.handlers[signo].fn(signo, signals.handlers[signo].arg);
    }
}

void loop_on_signal(int signo, void (*fn)(int signo, void *arg), void *arg)
{
    sigset_t one;

    assert(signo > 0 && signo < NSIG);
    sigemptyset(&one);
    sigaddset(&one, signo);
    if (fn)
        sigaddset(&signals.taken, signo);
    else
        sigdelset(&signals.taken, signo);
    signals.handlers[signo].fn = fn;
    signals.handlers[signo].arg = arg;
    int fd = signalfd(signals.open ? signals.watch.fd : -1, &signals.taken,
                      SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        log_fatal("signalfd: %s", strerror(errno));
    if (!signals.open) {
        watch_add(&signals.watch, fd);
        signals.watch.on_event = read_signals;
        signals.open = true;
    }
    /* An ignored signal would never be seen; blocked, the default one waits for us. */
    (void)signal(signo, SIG_DFL);
    sigprocmask(fn ? SIG_BLOCK : SIG_UNBLOCK, &one, NULL);
}
