/* thread - blocking work away from the loop
 *
 * A small pool of worker threads (default 4) for flushes and big file work.
 * Worker functions touch only what ARG points to, never fibers or arenas
 * that others use.
 */
#ifndef RUN_THREAD_H
#define RUN_THREAD_H

/* Run FN(ARG) in a worker and wait for it.  Not cancellable: ARG must stay
 * valid until FN is done, so this returns only then.  May suspend. */
void thread_run(void (*fn)(void *arg), void *arg);
/* Number of workers; before first use. */
void thread_set_workers(unsigned n);

#endif
