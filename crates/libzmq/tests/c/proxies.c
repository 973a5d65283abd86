/* Proxies whose peers are not there, or are killed (libzmq #3407, #4071). */
#include "children.h"
#include "endpoints.h"

#include <pthread.h>
#include <time.h>

struct proxy
{
    void *front, *back;
};

/* Runs until the context is shut down. */
static void *forward (void *of)
{
    struct proxy *proxy = of;
    REFUSED (zmq_proxy (proxy->front, proxy->back, NULL), ETERM);
    CHECK (zmq_close (proxy->front) == 0 && zmq_close (proxy->back) == 0);
    return NULL;
}

/* --- Without a peer behind it, a proxy that has messages to pass on sleeps. */

static long long used_by (pthread_t thread)
{
    clockid_t clock;
    struct timespec used;
    CHECK (pthread_getcpuclockid (thread, &clock) == 0 && clock_gettime (clock, &used) == 0);
    return used.tv_sec * 1000000000LL + used.tv_nsec;
}

/* Waits until the thread uses no more than a hundredth of a CPU, for three times a fifth of a second. */
static void until_idle (pthread_t thread)
{
    for (int idle = 0; idle < 3;) {
        struct timespec moment = {0, 200000000};
        long long before = used_by (thread);
        nanosleep (&moment, NULL);
        idle = used_by (thread) - before < 2000000 ? idle + 1 : 0;
    }
}

enum { WAITING = 20 };

static void without_a_backend (const char *endpoint, int ours, int front, int back, int behind)
{
    void *context = zmq_ctx_new ();
    void *client = made (context, ours);
    struct proxy proxy = {made (context, front), made (context, back)};
    char in[64], out[64];
    pthread_t thread;
    CHECK (zmq_bind (proxy.front, endpoint) == 0 && zmq_bind (proxy.back, "tcp://127.0.0.1:*") == 0);
    last_endpoint (proxy.front, in);
    last_endpoint (proxy.back, out);
    CHECK (zmq_connect (client, in) == 0);
    CHECK (pthread_create (&thread, NULL, forward, &proxy) == 0);
    for (int sent = 0; sent < WAITING; sent++)
        put (client, "waits", 0);
    until_idle (thread);
    void *server = made (context, behind);
    CHECK (zmq_connect (server, out) == 0);
    for (int taken = 0; taken < WAITING; taken++) {
        char part[64];
        if (behind == ZMQ_DEALER)
            CHECK (zmq_recv (server, part, sizeof part, 0) > 0 && get (server, ZMQ_RCVMORE) == 1);
        take (server, "waits", 0);
    }
    until_idle (thread);
    CHECK (zmq_close (client) == 0 && zmq_close (server) == 0);
    CHECK (zmq_ctx_shutdown (context) == 0 && pthread_join (thread, NULL) == 0 && zmq_ctx_term (context) == 0);
}

/* --- Clients and servers that are killed take their own connections with them, and nothing else. */

enum { CLIENTS = 4, SERVERS = 3, REQUESTS = 300 };

/* Asks REQUESTS times, or without end. Repeats a request without a reply: it may have gone to a killed server. */
static void ask (const char *endpoint, int forever)
{
    void *context = zmq_ctx_new ();
    void *req = made (context, ZMQ_REQ);
    set (req, ZMQ_REQ_RELAXED, 1);
    set (req, ZMQ_REQ_CORRELATE, 1);
    set (req, ZMQ_LINGER, 0);
    CHECK (zmq_connect (req, endpoint) == 0);
    zmq_pollitem_t item = {req, 0, ZMQ_POLLIN, 0};
    for (int asked = 0; forever || asked < REQUESTS; asked++) {
        char question[32], answer[32] = {0};
        sprintf (question, "%d of %d", asked, (int) getpid ());
        do
            put (req, question, 0);
        while (zmq_poll (&item, 1, 500) == 0);
        CHECK (zmq_recv (req, answer, sizeof answer, 0) == (int) strlen (question) && strcmp (question, answer) == 0);
    }
    CHECK (zmq_close (req) == 0 && zmq_ctx_term (context) == 0);
}

static void asks (const char *endpoint, int told, int tell)
{
    (void) told;
    ask (endpoint, 0);
    say (tell, 'd');
}

static void asks_forever (const char *endpoint, int told, int tell)
{
    (void) told, (void) tell;
    ask (endpoint, 1);
}

static void answers (const char *endpoint, int told, int tell)
{
    (void) told;
    void *context = zmq_ctx_new ();
    void *rep = made (context, ZMQ_REP);
    CHECK (zmq_connect (rep, endpoint) == 0);
    for (int answered = 0;; answered++) {
        char part[64];
        int size = zmq_recv (rep, part, sizeof part, 0);
        CHECK (size > 0 && zmq_send (rep, part, (size_t) size, 0) == size);
        if (answered == 0)
            say (tell, 'a');
    }
}

/* Each process is forked before this one has a context. */
static void killed (const char *in, const char *out)
{
    struct child clients[CLIENTS], servers[SERVERS], victim;
    for (int at = 0; at < SERVERS; at++)
        servers[at] = start (answers, out);
    for (int at = 0; at < CLIENTS; at++)
        clients[at] = start (asks, in);
    victim = start (asks_forever, in);
    void *context = zmq_ctx_new ();
    struct proxy proxy = {made (context, ZMQ_ROUTER), made (context, ZMQ_DEALER)};
    pthread_t thread;
    CHECK (zmq_bind (proxy.front, in) == 0 && zmq_bind (proxy.back, out) == 0);
    CHECK (pthread_create (&thread, NULL, forward, &proxy) == 0);
    for (int at = 0; at < SERVERS; at++)
        CHECK (hear (servers[at].hear) == 'a');
    /* All of them are at work now. */
    CHECK (kill (victim.pid, SIGKILL) == 0 && kill (servers[0].pid, SIGKILL) == 0);
    ended (victim, 1);
    ended (servers[0], 1);
    for (int at = 0; at < CLIENTS; at++) {
        CHECK (hear (clients[at].hear) == 'd');
        ended (clients[at], 0);
    }
    for (int at = 1; at < SERVERS; at++) {
        CHECK (kill (servers[at].pid, SIGKILL) == 0);
        ended (servers[at], 1);
    }
    CHECK (zmq_ctx_shutdown (context) == 0 && pthread_join (thread, NULL) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    char in[64], out[64];
    killed ("ipc://proxies-in.ipc", "ipc://proxies-out.ipc");
    free_tcp (in);
    do
        free_tcp (out);
    while (strcmp (in, out) == 0);
    killed (in, out);
    /* The proxy of libzmq 4.3.4 does not sleep then. */
    if (!zmq_has ("ringmq"))
        return 0;
    without_a_backend ("tcp://127.0.0.1:*", ZMQ_DEALER, ZMQ_ROUTER, ZMQ_DEALER, ZMQ_DEALER);
    without_a_backend ("tcp://127.0.0.1:*", ZMQ_PUSH, ZMQ_PULL, ZMQ_PUSH, ZMQ_PULL);
    without_a_backend ("ipc://proxies.ipc", ZMQ_DEALER, ZMQ_ROUTER, ZMQ_DEALER, ZMQ_DEALER);
    return 0;
}
