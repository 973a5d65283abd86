/* Pollers and zmq_ppoll. With an argument it tries only what a libzmq with drafts agrees with, which Debian's is not: there
   several threads may not use a poller, a socket has to be removed before it is closed, and no wait outlives its context. */
#define ZMQ_BUILD_DRAFT_API
#include <signal.h>

#include "check.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void *context;

static void pair_of (void **left, void **right, const char *name)
{
    *left = made (context, ZMQ_PAIR);
    *right = made (context, ZMQ_PAIR);
    CHECK (zmq_bind (*left, name) == 0 && zmq_connect (*right, name) == 0);
}

static int is_none (zmq_poller_event_t event)
{
    return !event.socket && event.fd == -1 && !event.user_data && event.events == 0;
}

/* Events come in the order in which their sources were added, as many as there is room for. */
static void events_come_in_order (void)
{
    void *left, *right, *other, *far;
    pair_of (&left, &right, "inproc://left");
    pair_of (&other, &far, "inproc://other");
    int word = eventfd (0, 0), mark, sign;
    void *poller = zmq_poller_new ();
    CHECK (poller && zmq_poller_add (poller, left, &mark, ZMQ_POLLIN) == 0);
    CHECK (zmq_poller_add_fd (poller, word, &sign, ZMQ_POLLIN) == 0);
    CHECK (zmq_poller_add (poller, other, NULL, ZMQ_POLLIN | ZMQ_POLLERR | ZMQ_POLLPRI) == 0);
    CHECK (zmq_poller_size (poller) == 3);
    zmq_poller_event_t events[5], event;
    memset (events, 1, sizeof events);
    REFUSED (zmq_poller_wait_all (poller, events, 5, 0), EAGAIN);
    CHECK (events[0].events == 0x101);
    REFUSED (zmq_poller_wait (poller, events, 1), EAGAIN);
    CHECK (is_none (events[0]));
    put (far, "one", 0);
    eventfd_write (word, 1);
    CHECK (zmq_poller_wait_all (poller, events, 5, -1) == 2);
    CHECK (!events[0].socket && events[0].fd == word && events[0].user_data == &sign && events[0].events == ZMQ_POLLIN);
    CHECK (events[1].socket == other && events[1].fd == -1 && !events[1].user_data && events[1].events == ZMQ_POLLIN);
    CHECK (is_none (events[2]) && is_none (events[3]) && is_none (events[4]));
    put (right, "two", 0);
    CHECK (zmq_poller_wait_all (poller, events, 5, 1000) == 3 && events[0].socket == left && events[0].user_data == &mark);
    CHECK (zmq_poller_wait_all (poller, events, 2, 0) == 2 && events[0].socket == left && events[1].fd == word);
    CHECK (zmq_poller_wait (poller, &event, 0) == 0 && event.socket == left);
    REFUSED (zmq_poller_wait_all (poller, events, 0, 0), EAGAIN);
    REFUSED (zmq_poller_wait_all (poller, events, 0, 5), EAGAIN);

    CHECK (zmq_poller_modify (poller, left, 0) == 0 && zmq_poller_modify_fd (poller, word, ZMQ_POLLOUT) == 0);
    CHECK (zmq_poller_wait_all (poller, events, 5, -1) == 2 && events[0].events == ZMQ_POLLOUT && events[1].socket == other);
    CHECK (zmq_poller_modify (poller, left, ZMQ_POLLOUT | ZMQ_POLLIN) == 0 && zmq_poller_remove_fd (poller, word) == 0);
    CHECK (zmq_poller_wait_all (poller, events, 5, -1) == 2 && events[0].events == (ZMQ_POLLOUT | ZMQ_POLLIN));
    CHECK (zmq_poller_remove (poller, left) == 0 && zmq_poller_add (poller, left, &sign, ZMQ_POLLIN) == 0);
    CHECK (zmq_poller_wait_all (poller, events, 5, -1) == 2 && events[0].socket == other && events[1].user_data == &sign);
    CHECK (zmq_poller_remove (poller, left) == 0 && zmq_poller_remove (poller, other) == 0);
    CHECK (zmq_poller_size (poller) == 0 && zmq_poller_destroy (&poller) == 0 && !poller);
    close (word);
    void *sockets[] = {left, right, other, far};
    for (int at = 0; at < 4; at++)
        CHECK (zmq_close (sockets[at]) == 0);
}

static void refusals (void)
{
    void *left, *right, *poller = zmq_poller_new (), *none = NULL;
    pair_of (&left, &right, "inproc://refused");
    int fd = eventfd (0, 0);
    zmq_poller_event_t event;
    REFUSED (zmq_poller_destroy (NULL), EFAULT);
    REFUSED (zmq_poller_destroy (&none), EFAULT);
    REFUSED (zmq_poller_destroy (&left), EFAULT);
    REFUSED (zmq_poller_size (left), EFAULT);
    REFUSED (zmq_poller_add (left, left, NULL, ZMQ_POLLIN), EFAULT);
    REFUSED (zmq_poller_add (NULL, NULL, NULL, -1), EFAULT);
    REFUSED (zmq_poller_add (poller, poller, NULL, -1), ENOTSOCK);
    REFUSED (zmq_poller_modify (poller, NULL, -1), ENOTSOCK);
    REFUSED (zmq_poller_remove (poller, context), ENOTSOCK);
    REFUSED (zmq_poller_add (poller, left, NULL, 16), EINVAL);
    REFUSED (zmq_poller_add (poller, left, NULL, -1), EINVAL);
    REFUSED (zmq_poller_add_fd (poller, -1, NULL, 16), EBADF);
    REFUSED (zmq_poller_modify_fd (poller, -1, 0), EBADF);
    REFUSED (zmq_poller_remove_fd (poller, -1), EBADF);
    REFUSED (zmq_poller_add_fd (poller, fd, NULL, 32), EINVAL);
    REFUSED (zmq_poller_modify (poller, left, 0), EINVAL);
    REFUSED (zmq_poller_remove (poller, left), EINVAL);
    REFUSED (zmq_poller_modify_fd (poller, fd, 0), EINVAL);
    REFUSED (zmq_poller_remove_fd (poller, fd), EINVAL);
    REFUSED (zmq_poller_wait (poller, NULL, 0), EFAULT);
    REFUSED (zmq_poller_wait_all (poller, NULL, -1, 0), EFAULT);
    REFUSED (zmq_poller_wait_all (poller, &event, -1, 0), EINVAL);
    REFUSED (zmq_poller_wait (NULL, &event, 0), EFAULT);
    CHECK (is_none (event));
    /* Nothing to wait for. */
    REFUSED (zmq_poller_wait (poller, &event, -1), EFAULT);
    REFUSED (zmq_poller_wait (poller, &event, 0), EAGAIN);
    REFUSED (zmq_poller_wait (poller, &event, 5), EAGAIN);
    CHECK (zmq_poller_add (poller, left, NULL, 0) == 0 && zmq_poller_add_fd (poller, fd, NULL, 0) == 0);
    REFUSED (zmq_poller_add (poller, left, NULL, 0), EINVAL);
    REFUSED (zmq_poller_add_fd (poller, fd, NULL, ZMQ_POLLIN), EINVAL);
    put (right, "word", 0);
    eventfd_write (fd, 1);
    REFUSED (zmq_poller_wait (poller, &event, -1), EFAULT);
    REFUSED (zmq_poller_wait (poller, &event, 0), EAGAIN);
    /* A socket is never ready for these. */
    CHECK (zmq_poller_modify (poller, left, ZMQ_POLLERR | ZMQ_POLLPRI) == 0);
    REFUSED (zmq_poller_wait (poller, &event, 5), EAGAIN);
    CHECK (zmq_poller_modify (poller, left, ZMQ_POLLIN) == 0 && zmq_poller_wait (poller, &event, -1) == 0);
    int bell;
    REFUSED (zmq_poller_fd (poller, &bell), EINVAL);
    REFUSED (zmq_poller_fd (left, &bell), EFAULT);
    CHECK (zmq_poller_destroy (&poller) == 0);
    REFUSED (zmq_poller_destroy (&poller), EFAULT);
    CHECK (zmq_close (left) == 0 && zmq_close (right) == 0);
    close (fd);
}

/* A descriptor that is hung up is said to be, if it is waited for at all. */
static void broken_descriptors (void)
{
    int ends[2];
    CHECK (pipe (ends) == 0);
    void *poller = zmq_poller_new ();
    CHECK (zmq_poller_add_fd (poller, ends[0], ends, ZMQ_POLLERR) == 0);
    zmq_poller_event_t event;
    REFUSED (zmq_poller_wait (poller, &event, 1), EAGAIN);
    close (ends[1]);
    CHECK (zmq_poller_wait (poller, &event, -1) == 0);
    CHECK (event.events == ZMQ_POLLERR && event.fd == ends[0] && event.user_data == ends && !event.socket);
    CHECK (zmq_poller_modify_fd (poller, ends[0], 0) == 0);
    REFUSED (zmq_poller_wait (poller, &event, 1), EAGAIN);
    CHECK (zmq_poller_destroy (&poller) == 0);
    close (ends[0]);
}

static void *two_words (void *push)
{
    put (push, "one", 0);
    put (push, "two", 0);
    return NULL;
}

/* Types that several threads may use, and the descriptor that a poller has for them. */
static void thread_safe_sockets (void)
{
    void *server = made (context, ZMQ_SERVER), *client = made (context, ZMQ_CLIENT), *poller = zmq_poller_new ();
    CHECK (zmq_bind (server, "inproc://server") == 0 && zmq_connect (client, "inproc://server") == 0);
    int bell, same;
    REFUSED (zmq_poller_fd (poller, &bell), EINVAL);
    CHECK (zmq_poller_add (poller, server, NULL, ZMQ_POLLIN) == 0 && zmq_poller_fd (poller, &bell) == 0);
    CHECK (zmq_poller_fd (poller, &same) == 0 && same == bell);
    zmq_poller_event_t event;
    struct pollfd polled = {bell, POLLIN, 0};
    for (int round = 0; round < 200; round++) {
        pthread_t thread;
        CHECK (pthread_create (&thread, NULL, two_words, client) == 0);
        for (int words = 0; words < 2;) {
            /* A look comes before the descriptor is waited for. */
            while (zmq_poller_wait (poller, &event, 0) != 0) {
                CHECK (errno == EAGAIN);
                CHECK (poll (&polled, 1, 20000) == 1);
            }
            CHECK (event.socket == server && event.events == ZMQ_POLLIN);
            char part[8];
            CHECK (zmq_recv (server, part, sizeof part, 0) == 3);
            words++;
        }
        pthread_join (thread, NULL);
    }
    CHECK (zmq_poller_add (poller, client, NULL, ZMQ_POLLOUT) == 0);
    CHECK (zmq_poller_wait (poller, &event, -1) == 0 && event.socket == client && event.events == ZMQ_POLLOUT);
    CHECK (zmq_poller_remove (poller, client) == 0 && zmq_poller_remove (poller, server) == 0);
    CHECK (zmq_poller_fd (poller, &same) == 0 && same == bell);
    REFUSED (zmq_poller_wait (poller, &event, 5), EAGAIN);
    CHECK (zmq_poller_destroy (&poller) == 0 && zmq_close (server) == 0 && zmq_close (client) == 0);
}

static volatile sig_atomic_t handled;

static void count (int number)
{
    (void) number;
    handled++;
}

/* A pending signal that the mask lets through ends a wait for which nothing is ready, also one for no time. */
static void signals_and_masks (void)
{
    void *left, *right, *poller = zmq_poller_new ();
    pair_of (&left, &right, "inproc://masked");
    struct sigaction action = {.sa_handler = count};
    CHECK (sigaction (SIGUSR1, &action, NULL) == 0);
    sigset_t blocked, open, now;
    sigemptyset (&blocked);
    sigaddset (&blocked, SIGUSR1);
    CHECK (pthread_sigmask (SIG_BLOCK, &blocked, &open) == 0);
    sigdelset (&open, SIGUSR1);
    zmq_pollitem_t item = {left, 0, ZMQ_POLLIN, 0};
    long timeouts[] = {-1, 0, 1, 20000};
    for (int at = 0; at < 4; at++) {
        handled = 0;
        CHECK (raise (SIGUSR1) == 0 && handled == 0);
        REFUSED (zmq_ppoll (&item, 1, timeouts[at], &open), EINTR);
        CHECK (handled == 1);
    }
    /* What is ready comes first, and the signal stays pending. */
    put (right, "word", 0);
    CHECK (raise (SIGUSR1) == 0);
    CHECK (zmq_ppoll (&item, 1, -1, &open) == 1 && item.revents == ZMQ_POLLIN && handled == 1);
    take (left, "word", 0);
    /* The thread's own mask, and one that blocks: the signal stays pending. */
    CHECK (zmq_ppoll (&item, 1, 1, NULL) == 0 && zmq_ppoll (&item, 1, 1, &blocked) == 0);
    CHECK (zmq_ppoll (&item, 1, 0, &blocked) == 0 && handled == 1);
    CHECK (pthread_sigmask (SIG_SETMASK, NULL, &now) == 0 && sigismember (&now, SIGUSR1) == 1);
    CHECK (pthread_sigmask (SIG_UNBLOCK, &blocked, NULL) == 0 && handled == 2);
    REFUSED (zmq_ppoll (&item, -1, 0, &open), EINVAL);
    REFUSED (zmq_ppoll (NULL, 1, 0, &open), EFAULT);
    CHECK (zmq_ppoll (NULL, 0, 0, &open) == 0 && zmq_ppoll (NULL, 0, 1, NULL) == 0);
    CHECK (zmq_poller_destroy (&poller) == 0 && zmq_close (left) == 0 && zmq_close (right) == 0);
}

static pthread_t waiter;
static int has_ended;

static void *until_it_ends (void *of)
{
    while (!__atomic_load_n (&has_ended, __ATOMIC_ACQUIRE)) {
        pthread_kill (*(pthread_t *) of, SIGUSR1);
        usleep (1000);
    }
    return NULL;
}

static void a_signal_ends_a_wait (void)
{
    void *left, *right, *poller = zmq_poller_new ();
    pair_of (&left, &right, "inproc://signal");
    CHECK (zmq_poller_add (poller, left, NULL, ZMQ_POLLIN) == 0);
    waiter = pthread_self ();
    pthread_t thread;
    CHECK (pthread_create (&thread, NULL, until_it_ends, &waiter) == 0);
    zmq_poller_event_t event;
    for (int round = 0; round < 20; round++)
        REFUSED (zmq_poller_wait (poller, &event, -1), EINTR);
    __atomic_store_n (&has_ended, 1, __ATOMIC_RELEASE);
    pthread_join (thread, NULL);
    CHECK (zmq_poller_destroy (&poller) == 0 && zmq_close (left) == 0 && zmq_close (right) == 0);
}

/* Below here: what libzmq does not promise. */

struct wait
{
    void *poller;
    zmq_poller_event_t event;
    int result, error;
};

static void *waits (void *argument)
{
    struct wait *wait = argument;
    wait->result = zmq_poller_wait (wait->poller, &wait->event, -1);
    wait->error = errno;
    return NULL;
}

enum { WAITERS = 3 };
static struct wait waiting[WAITERS];
static pthread_t threads[WAITERS];

static void begin (void *poller)
{
    for (int at = 0; at < WAITERS; at++) {
        waiting[at].poller = poller;
        CHECK (pthread_create (&threads[at], NULL, waits, &waiting[at]) == 0);
    }
}

static void ended (int result, int error, void *socket)
{
    for (int at = 0; at < WAITERS; at++) {
        pthread_join (threads[at], NULL);
        CHECK (waiting[at].result == result && waiting[at].event.socket == socket);
        CHECK (result == 0 || waiting[at].error == error);
    }
}

/* What another thread changes counts at once, whether the waits have begun or not. */
static void changes_during_a_wait (void)
{
    void *left, *right, *other, *far, *poller = zmq_poller_new ();
    pair_of (&left, &right, "inproc://changing");
    pair_of (&other, &far, "inproc://changed");
    put (far, "word", 0);
    CHECK (zmq_poller_add (poller, left, NULL, ZMQ_POLLIN) == 0);
    begin (poller);
    CHECK (zmq_poller_add (poller, other, NULL, ZMQ_POLLIN) == 0);
    ended (0, 0, other);
    CHECK (zmq_poller_modify (poller, other, 0) == 0);
    begin (poller);
    CHECK (zmq_poller_modify (poller, other, ZMQ_POLLIN) == 0);
    ended (0, 0, other);
    CHECK (zmq_poller_remove (poller, other) == 0);
    begin (poller);
    /* With its last source the wait has nothing to wait for. */
    CHECK (zmq_poller_remove (poller, left) == 0);
    ended (-1, EFAULT, NULL);
    int word = eventfd (0, 0);
    CHECK (zmq_poller_add_fd (poller, word, NULL, ZMQ_POLLIN) == 0);
    begin (poller);
    CHECK (zmq_poller_destroy (&poller) == 0);
    ended (-1, EFAULT, NULL);
    close (word);
    void *sockets[] = {left, right, other, far};
    for (int at = 0; at < 4; at++)
        CHECK (zmq_close (sockets[at]) == 0);
}

/* A socket that was closed ends waits until it is removed. */
static void closed_sockets (void)
{
    void *left, *right, *poller = zmq_poller_new ();
    pair_of (&left, &right, "inproc://closed");
    CHECK (zmq_poller_add (poller, left, NULL, ZMQ_POLLIN) == 0);
    begin (poller);
    CHECK (zmq_close (left) == 0);
    ended (-1, ENOTSOCK, NULL);
    zmq_poller_event_t event;
    REFUSED (zmq_poller_wait (poller, &event, 0), ENOTSOCK);
    REFUSED (zmq_poller_modify (poller, left, 0), ENOTSOCK);
    CHECK (zmq_poller_size (poller) == 1);
    REFUSED (zmq_poller_remove (poller, left), ENOTSOCK);
    CHECK (zmq_poller_size (poller) == 0);
    CHECK (zmq_poller_destroy (&poller) == 0 && zmq_close (right) == 0);
}

static void the_end_of_the_context (void)
{
    void *left = made (context, ZMQ_PAIR), *poller = zmq_poller_new ();
    CHECK (zmq_poller_add (poller, left, NULL, ZMQ_POLLIN) == 0);
    begin (poller);
    CHECK (zmq_ctx_shutdown (context) == 0);
    ended (-1, ETERM, NULL);
    CHECK (zmq_poller_remove (poller, left) == 0 && zmq_poller_destroy (&poller) == 0 && zmq_close (left) == 0);
}

int main (int argc, char **arguments)
{
    (void) arguments;
    context = zmq_ctx_new ();
    events_come_in_order ();
    refusals ();
    broken_descriptors ();
    thread_safe_sockets ();
    signals_and_masks ();
    a_signal_ends_a_wait ();
    if (argc == 1) {
        for (int round = 0; round < 20; round++) {
            changes_during_a_wait ();
            closed_sockets ();
        }
        the_end_of_the_context ();
    }
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
