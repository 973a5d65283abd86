/* Names of hosts, some of which no name server answers for. */
#include "endpoints.h"

#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/* Lookups at the same time, for one context. */
enum { MOST = 16 };

static sem_t asked, answer;
static atomic_int at_once, most_at_once, failures_left;

static void check_mask (void)
{
    sigset_t mask;
    CHECK (pthread_sigmask (SIG_BLOCK, NULL, &mask) == 0);
    const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGALRM};
    for (size_t at = 0; at < sizeof signals / sizeof *signals; at++)
        CHECK (sigismember (&mask, signals[at]) == 1);
}

/* Stands before the resolver of the C library: a name that begins with "dead" has no answer before the test wants one,
   "later" has none for a while. */
int getaddrinfo (const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    int (*next) (const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **) &next = dlsym (RTLD_NEXT, "getaddrinfo");
    CHECK (next);
    if (node && strncmp (node, "dead", 4) == 0) {
        check_mask ();
        int now = atomic_fetch_add (&at_once, 1) + 1, most = atomic_load (&most_at_once);
        while (now > most && !atomic_compare_exchange_weak (&most_at_once, &most, now))
            continue;
        CHECK (sem_post (&asked) == 0);
        while (sem_wait (&answer) == -1)
            CHECK (errno == EINTR);
        atomic_fetch_sub (&at_once, 1);
        return EAI_AGAIN;
    }
    if (node && strcmp (node, "later") == 0) {
        if (atomic_fetch_sub (&failures_left, 1) > 0)
            return EAI_NONAME;
        node = "localhost";
    }
    return next (node, service, hints, found);
}

static void wait_for (sem_t *semaphore, int times)
{
    while (times-- > 0)
        while (sem_wait (semaphore) == -1)
            CHECK (errno == EINTR);
}

static void answer_all (int times)
{
    while (times-- > 0)
        CHECK (sem_post (&answer) == 0);
}

static void *connected (void *context, const char *endpoint)
{
    void *socket = made (context, ZMQ_PUSH);
    set (socket, ZMQ_LINGER, 0);
    set (socket, ZMQ_RECONNECT_IVL, 10);
    CHECK (zmq_connect (socket, endpoint) == 0);
    return socket;
}

/* A PULL, and the endpoint of its port on the host of this name. */
static void *pulls_as (void *context, const char *host, char endpoint[64])
{
    void *pull = made (context, ZMQ_PULL);
    CHECK (zmq_bind (pull, "tcp://127.0.0.1:*") == 0);
    last_endpoint (pull, endpoint);
    char port[16];
    snprintf (port, sizeof port, "%s", strrchr (endpoint, ':'));
    snprintf (endpoint, 64, "tcp://%s%s", host, port);
    return pull;
}

/* The connection is made as soon as the name is known. */
static void tried_again (const char *host, int failures)
{
    void *context = zmq_ctx_new ();
    char endpoint[64];
    void *pull = pulls_as (context, host, endpoint);
    atomic_store (&failures_left, failures);
    void *push = connected (context, endpoint);
    put (push, "x", 0);
    take (pull, "x", 0);
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
}

static int threads (void)
{
    DIR *tasks = opendir ("/proc/self/task");
    CHECK (tasks);
    int count = -2;
    while (readdir (tasks))
        count++;
    closedir (tasks);
    return count;
}

/* A name without an answer stops no other connection, no close, and not the end of the context. */
static void stops_nothing (int io_threads)
{
    void *context = zmq_ctx_new ();
    CHECK (zmq_ctx_set (context, ZMQ_IO_THREADS, io_threads) == 0);
    char endpoint[64];
    void *before[2], *after[2];
    before[0] = pulls_as (context, "127.0.0.1", endpoint);
    before[1] = connected (context, endpoint);
    put (before[1], "before", 0);
    take (before[0], "before", 0);
    /* A hundred sockets ask once. */
    void *dead[100];
    for (int at = 0; at < 100; at++)
        dead[at] = connected (context, "tcp://dead.invalid:1");
    wait_for (&asked, 1);
    put (before[1], "meanwhile", 0);
    take (before[0], "meanwhile", 0);
    const char *hosts[] = {"127.0.0.1", "localhost"};
    for (int at = 0; at < 2; at++) {
        after[0] = pulls_as (context, hosts[at], endpoint);
        after[1] = connected (context, endpoint);
        put (after[1], "after", 0);
        take (after[0], "after", 0);
        CHECK (zmq_close (after[0]) == 0 && zmq_close (after[1]) == 0);
    }
    for (int at = 0; at < 100; at++)
        CHECK (zmq_close (dead[at]) == 0);
    CHECK (zmq_close (before[0]) == 0 && zmq_close (before[1]) == 0);
    CHECK (zmq_ctx_term (context) == 0);
    CHECK (atomic_load (&at_once) == 1 && sem_trywait (&asked) == -1);
    /* The thread is in the resolver still, and ends with its answer. */
    /* One that was waited for is listed for a moment longer. */
    while (threads () > 2)
        usleep (1000);
    CHECK (threads () == 2);
    answer_all (1);
    while (threads () > 1)
        usleep (1000);
}

/* The number of threads is limited. */
static void limited (void)
{
    void *context = zmq_ctx_new (), *dead[2 * MOST];
    atomic_store (&most_at_once, 0);
    for (int at = 0; at < 2 * MOST; at++) {
        char endpoint[64];
        sprintf (endpoint, "tcp://dead%d.invalid:1", at);
        dead[at] = made (context, ZMQ_PUSH);
        set (dead[at], ZMQ_LINGER, 0);
        /* One attempt. */
        set (dead[at], ZMQ_RECONNECT_IVL, -1);
        CHECK (zmq_connect (dead[at], endpoint) == 0);
    }
    wait_for (&asked, MOST);
    answer_all (2 * MOST);
    wait_for (&asked, MOST);
    CHECK (atomic_load (&most_at_once) == MOST);
    for (int at = 0; at < 2 * MOST; at++)
        CHECK (zmq_close (dead[at]) == 0);
    CHECK (zmq_ctx_term (context) == 0);
    while (threads () > 1)
        usleep (1000);
}

int main (void)
{
    CHECK (sem_init (&asked, 0, 0) == 0 && sem_init (&answer, 0, 0) == 0);
    tried_again ("localhost", 0);
    tried_again ("later", 3);
    /* libzmq asks in its I/O thread, where everything else waits for the answer. */
    if (zmq_has ("ringmq")) {
        stops_nothing (1);
        stops_nothing (3);
        limited ();
    }
    return 0;
}
