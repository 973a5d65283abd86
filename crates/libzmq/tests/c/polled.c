/* A socket that one thread waits for is used by another, as programs do that hand it over between two calls. */
#include "threads.h"

static void *context;

static void polls (struct thread *thread)
{
    zmq_pollitem_t item = {thread->socket, 0, ZMQ_POLLIN, 0};
    about_to_sleep (thread);
    CHECK (zmq_poll (&item, 1, -1) == 1 && item.revents == ZMQ_POLLIN);
}

/* Every call but the wait itself. */
static void options (void *socket)
{
    char endpoint[256];
    size_t size = sizeof endpoint;
    for (int round = 0; round < 100; round++) {
        set (socket, ZMQ_LINGER, round);
        CHECK (get (socket, ZMQ_LINGER) == round && get (socket, ZMQ_RCVMORE) == 0);
        size = sizeof endpoint;
        CHECK (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
        CHECK ((get (socket, ZMQ_EVENTS) & ZMQ_POLLIN) == 0 && get (socket, ZMQ_FD) >= 0);
    }
}

static void connected_and_subscribed (const char *at)
{
    void *publisher = made (context, ZMQ_XPUB), *subscriber = made (context, ZMQ_SUB);
    char endpoint[256];
    CHECK (zmq_bind (publisher, at) == 0);
    last_endpoint (publisher, endpoint);
    struct thread thread;
    begin (&thread, polls, subscriber);
    await_sleep (&thread);
    options (subscriber);
    CHECK (zmq_connect (subscriber, endpoint) == 0);
    CHECK (zmq_setsockopt (subscriber, ZMQ_SUBSCRIBE, "a", 1) == 0);
    take (publisher, "\1a", 0);
    CHECK (zmq_setsockopt (subscriber, ZMQ_SUBSCRIBE, "b", 1) == 0);
    take (publisher, "\1b", 0);
    options (subscriber);
    put (publisher, "b", 0);
    end (&thread);
    take (subscriber, "b", 0);
    CHECK (zmq_close (subscriber) == 0 && zmq_close (publisher) == 0);
}

/* Requests are sent while a thread waits for the answers. */
static void sent_through (const char *at)
{
    void *router = made (context, ZMQ_ROUTER), *dealer = made (context, ZMQ_DEALER);
    char endpoint[256], id[8];
    CHECK (zmq_bind (router, at) == 0);
    last_endpoint (router, endpoint);
    CHECK (zmq_connect (dealer, endpoint) == 0);
    struct thread thread;
    begin (&thread, polls, dealer);
    await_sleep (&thread);
    for (int round = 0; round < 100; round++) {
        put (dealer, "head", ZMQ_SNDMORE);
        put (dealer, "question", 0);
        CHECK (zmq_recv (router, id, sizeof id, 0) == 5);
        take (router, "head", 1);
        take (router, "question", 0);
        REFUSED (zmq_recv (dealer, id, sizeof id, ZMQ_DONTWAIT), EAGAIN);
    }
    CHECK (zmq_send (router, id, 5, ZMQ_SNDMORE) == 5);
    put (router, "answer", 0);
    end (&thread);
    take (dealer, "answer", 0);
    CHECK (zmq_close (dealer) == 0 && zmq_close (router) == 0);
}

static void passes_on (struct thread *thread)
{
    about_to_sleep (thread);
    REFUSED (zmq_proxy (thread->socket, thread->other, NULL), ETERM);
    CHECK (zmq_close (thread->socket) == 0 && zmq_close (thread->other) == 0);
}

/* Endpoints are added to a proxy that runs, and what comes there is passed on. */
static void added_to_a_proxy (void)
{
    void *front = made (context, ZMQ_ROUTER), *back = made (context, ZMQ_DEALER);
    struct thread thread = {.other = back};
    begin (&thread, passes_on, front);
    await_sleep (&thread);
    options (front);
    options (back);
    CHECK (zmq_bind (front, "inproc://front") == 0 && zmq_bind (back, "ipc://back") == 0);
    void *client = made (context, ZMQ_REQ), *service = made (context, ZMQ_REP);
    CHECK (zmq_connect (client, "inproc://front") == 0 && zmq_connect (service, "ipc://back") == 0);
    for (int round = 0; round < 100; round++) {
        put (client, "question", 0);
        take (service, "question", 0);
        put (service, "answer", 0);
        take (client, "answer", 0);
    }
    CHECK (zmq_close (client) == 0 && zmq_close (service) == 0);
    CHECK (zmq_ctx_shutdown (context) == 0);
    end (&thread);
}

static void polls_to_the_end (struct thread *thread)
{
    zmq_pollitem_t item = {thread->socket, 0, ZMQ_POLLIN, 0};
    about_to_sleep (thread);
    REFUSED (zmq_poll (&item, 1, -1), ETERM);
    CHECK (zmq_close (thread->socket) == 0);
}

/* The end of the context ends the wait, also while another thread uses the socket. */
static void ended (int terminates)
{
    void *other = zmq_ctx_new ();
    void *pull = made (other, ZMQ_PULL);
    struct thread thread;
    begin (&thread, polls_to_the_end, pull);
    await_sleep (&thread);
    options (pull);
    if (!terminates)
        CHECK (zmq_ctx_shutdown (other) == 0);
    CHECK (zmq_ctx_term (other) == 0);
    end (&thread);
}

int main (void)
{
    context = zmq_ctx_new ();
    connected_and_subscribed ("inproc://publisher");
    connected_and_subscribed ("tcp://127.0.0.1:*");
    connected_and_subscribed ("ipc://publisher");
    sent_through ("inproc://router");
    sent_through ("tcp://127.0.0.1:*");
    sent_through ("ipc://router");
    added_to_a_proxy ();
    CHECK (zmq_ctx_term (context) == 0);
    ended (0);
    ended (1);
    return 0;
}
