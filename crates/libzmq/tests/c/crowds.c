/* Several threads in one socket at the same time, which libzmq leaves undefined and we do not. */
#include "threads.h"

#include <signal.h>

static void *context;

static void pair_of (void **left, void **right, int one, int other)
{
    static int number;
    char name[32];
    snprintf (name, sizeof name, "inproc://pair-%d", number++);
    *left = made (context, one);
    *right = made (context, other);
    set (*left, ZMQ_SNDHWM, 1);
    set (*right, ZMQ_RCVHWM, 1);
    CHECK (zmq_bind (*left, name) == 0 && zmq_connect (*right, name) == 0);
}

static void closes (void *one, void *other)
{
    CHECK (zmq_close (one) == 0 && zmq_close (other) == 0);
}

static void receives (struct thread *thread)
{
    about_to_sleep (thread);
    take (thread->socket, "word", 0);
}

static void receives_a_message (struct thread *thread)
{
    zmq_msg_t msg;
    CHECK (zmq_msg_init (&msg) == 0);
    about_to_sleep (thread);
    CHECK (zmq_msg_recv (&msg, thread->socket, 0) == 4);
    CHECK (zmq_msg_close (&msg) == 0);
}

/* What changes a socket, and asks it, while a thread waits to receive. */
static void options_beside (void (*run) (struct thread *))
{
    void *left, *right;
    pair_of (&left, &right, ZMQ_PAIR, ZMQ_PAIR);
    struct thread thread;
    begin (&thread, run, left);
    await_sleep (&thread);
    for (int round = 0; round < 100; round++) {
        set (left, ZMQ_LINGER, round);
        CHECK (get (left, ZMQ_LINGER) == round);
        CHECK (get (left, ZMQ_EVENTS) == ZMQ_POLLOUT);
        REFUSED (zmq_recv (left, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
        REFUSED (zmq_disconnect (left, "inproc://elsewhere"), ENOENT);
        put (left, "x", 0);
        take (right, "x", 0);
    }
    put (right, "word", 0);
    end (&thread);
    closes (left, right);
}

static void fills (struct thread *thread)
{
    about_to_sleep (thread);
    put (thread->socket, "late", 0);
}

/* A thread waits for room, another makes room by an option, or receives meanwhile. */
static void room (int by_an_option)
{
    void *left, *right;
    pair_of (&left, &right, ZMQ_PAIR, ZMQ_PAIR);
    while (zmq_send (left, "full", 4, ZMQ_DONTWAIT) == 4)
        ;
    CHECK (errno == EAGAIN);
    struct thread thread;
    begin (&thread, fills, left);
    await_sleep (&thread);
    CHECK (get (left, ZMQ_EVENTS) == 0);
    put (right, "word", 0);
    take (left, "word", 0);
    if (by_an_option) {
        set (left, ZMQ_SNDHWM, 1000);
        end (&thread);
    }
    take (right, "full", 0);
    take (right, "full", 0);
    if (!by_an_option)
        end (&thread);
    take (right, "late", 0);
    closes (left, right);
}

static void echoes (struct thread *thread)
{
    for (int at = 0; at < thread->count; at++) {
        char word[16];
        int size = zmq_recv (thread->socket, word, sizeof word, 0);
        CHECK (size >= 0 && zmq_send (thread->socket, word, size, 0) == size);
    }
}

static void takes_numbers (struct thread *thread)
{
    for (int at = 0; at < thread->count; at++) {
        int number;
        CHECK (zmq_recv (thread->socket, &number, sizeof number, 0) == sizeof number && number == at);
    }
}

/* One thread sends and another receives, both wait; the marks are small, so that they often do. */
static void both_ways (const char *at)
{
    char endpoint[256];
    void *one = made (context, ZMQ_DEALER), *far = made (context, ZMQ_DEALER);
    set (one, ZMQ_SNDHWM, 2), set (one, ZMQ_RCVHWM, 2), set (far, ZMQ_SNDHWM, 2), set (far, ZMQ_RCVHWM, 2);
    CHECK (zmq_bind (far, at) == 0);
    last_endpoint (far, endpoint);
    CHECK (zmq_connect (one, endpoint) == 0);
    struct thread echo = {.count = 3000}, receiver = {.count = 3000};
    begin (&echo, echoes, far);
    begin (&receiver, takes_numbers, one);
    for (int number = 0; number < 3000; number++)
        CHECK (zmq_send (one, &number, sizeof number, 0) == sizeof number);
    end (&receiver);
    end (&echo);
    closes (one, far);
}

enum { CROWD = 4, WORDS = 500 };

static void polls_and_takes (struct thread *thread)
{
    while (thread->count < WORDS) {
        zmq_pollitem_t item = {thread->socket, 0, ZMQ_POLLIN, 0};
        CHECK (zmq_poll (&item, 1, -1) == 1);
        char word[8];
        int size = zmq_recv (thread->socket, word, sizeof word, ZMQ_DONTWAIT);
        CHECK (size == 1 || (size == -1 && errno == EAGAIN));
        thread->count += size == 1;
    }
}

static void takes (struct thread *thread)
{
    for (; thread->count < WORDS; thread->count++)
        CHECK (zmq_recv (thread->socket, NULL, 0, 0) == 1);
}

/* Threads that share the work of one socket: nothing is lost, and none waits beside a message that is there. */
static void workers (void (*some) (struct thread *), void (*others) (struct thread *))
{
    void *push = made (context, ZMQ_PUSH), *pull = made (context, ZMQ_PULL);
    CHECK (zmq_bind (pull, "ipc://workers") == 0 && zmq_connect (push, "ipc://workers") == 0);
    struct thread crowd[CROWD] = {0};
    for (int at = 0; at < CROWD; at++)
        begin (&crowd[at], at % 2 ? some : others, pull);
    for (int at = 0; at < CROWD * WORDS; at++)
        put (push, "x", 0);
    for (int at = 0; at < CROWD; at++)
        end (&crowd[at]);
    closes (push, pull);
}

static void polls_for_room (struct thread *thread)
{
    zmq_pollitem_t item = {thread->socket, 0, ZMQ_POLLOUT, 0};
    about_to_sleep (thread);
    CHECK (zmq_poll (&item, 1, -1) == 1 && item.revents == ZMQ_POLLOUT);
}

static void polls_for_words (struct thread *thread)
{
    zmq_pollitem_t item = {thread->socket, 0, ZMQ_POLLIN, 0};
    about_to_sleep (thread);
    CHECK (zmq_poll (&item, 1, -1) == 1 && item.revents == ZMQ_POLLIN);
}

/* A REQ can send once another thread has received, a REP once it has received. */
static void turns (void)
{
    void *req, *rep;
    struct thread thread;
    pair_of (&req, &rep, ZMQ_REQ, ZMQ_REP);
    begin (&thread, polls_for_room, rep);
    await_sleep (&thread);
    put (req, "question", 0);
    take (rep, "question", 0);
    end (&thread);
    begin (&thread, polls_for_room, req);
    await_sleep (&thread);
    put (rep, "answer", 0);
    take (req, "answer", 0);
    end (&thread);
    begin (&thread, polls_for_words, rep);
    await_sleep (&thread);
    put (req, "question", 0);
    end (&thread);
    take (rep, "question", 0);
    closes (req, rep);
}

static void finds_it_closed (struct thread *thread)
{
    zmq_pollitem_t items[] = {{thread->other, 0, ZMQ_POLLIN, 0}, {thread->socket, 0, ZMQ_POLLIN, 0}};
    about_to_sleep (thread);
    switch (thread->count) {
    case 0: REFUSED (zmq_poll (items, 2, -1), ENOTSOCK); break;
    case 1: REFUSED (zmq_recv (thread->socket, NULL, 0, 0), ENOTSOCK); break;
    case 2: REFUSED (zmq_send (thread->socket, "x", 1, 0), ENOTSOCK); break;
    default: REFUSED (zmq_proxy (thread->other, thread->socket, NULL), ENOTSOCK);
    }
}

/* A socket is closed while one or two threads wait for it, and its handle is a new socket's at once. */
static void closed (int how, int also)
{
    void *spare = made (context, ZMQ_PULL), *socket = made (context, how == 2 ? ZMQ_PUSH : ZMQ_DEALER);
    struct thread one = {.other = spare, .count = how}, other = {.other = spare, .count = also};
    begin (&one, finds_it_closed, socket);
    await_sleep (&one);
    if (also >= 0) {
        begin (&other, finds_it_closed, socket);
        await_sleep (&other);
    }
    CHECK (zmq_close (socket) == 0);
    void *next = made (context, ZMQ_PUSH);
    CHECK (zmq_bind (next, "inproc://next") == 0);
    end (&one);
    if (also >= 0)
        end (&other);
    /* The other socket of the wait is as it was. */
    struct thread thread;
    CHECK (zmq_connect (spare, "inproc://next") == 0);
    begin (&thread, polls_for_words, spare);
    await_sleep (&thread);
    put (next, "word", 0);
    end (&thread);
    closes (next, spare);
}

static void to_the_end (struct thread *thread)
{
    zmq_pollitem_t item = {thread->socket, 0, ZMQ_POLLIN, 0};
    about_to_sleep (thread);
    if (thread->count % 2)
        REFUSED (zmq_poll (&item, 1, -1), ETERM);
    else
        REFUSED (zmq_recv (thread->socket, NULL, 0, 0), ETERM);
}

static void handled (int number)
{
    (void) number;
}

static void interrupted (struct thread *thread)
{
    about_to_sleep (thread);
    REFUSED (zmq_recv (thread->socket, NULL, 0, 0), EINTR);
    atomic_store (&thread->number, -1);
}

/* A signal ends the call of the thread that handles it, and no other. */
static void signals (void)
{
    struct sigaction action = {.sa_handler = handled};
    CHECK (sigaction (SIGUSR1, &action, NULL) == 0);
    void *left, *right;
    pair_of (&left, &right, ZMQ_PAIR, ZMQ_PAIR);
    struct thread stays, goes;
    for (int first = 0; first < 2; first++) {
        struct thread *one = first ? &stays : &goes, *other = first ? &goes : &stays;
        begin (one, first ? receives : interrupted, left);
        await_sleep (one);
        begin (other, first ? interrupted : receives, left);
        await_sleep (other);
        /* One that comes while the call does neither sleep nor spin ends nothing. */
        while (atomic_load (&goes.number) != -1)
            CHECK (pthread_kill (goes.handle, SIGUSR1) == 0 && sched_yield () == 0);
        end (&goes);
        put (right, "word", 0);
        end (&stays);
    }
    closes (left, right);
}

static void waits_in_vain (struct thread *thread)
{
    about_to_sleep (thread);
    REFUSED (zmq_recv (thread->socket, NULL, 0, 0), EAGAIN);
}

/* The time of a call passes while another thread waits without end. */
static void timeouts (void)
{
    void *left, *right;
    pair_of (&left, &right, ZMQ_PAIR, ZMQ_PAIR);
    struct thread stays, goes;
    begin (&stays, polls_for_words, left);
    await_sleep (&stays);
    set (left, ZMQ_RCVTIMEO, 20);
    begin (&goes, waits_in_vain, left);
    end (&goes);
    zmq_pollitem_t item = {left, 0, ZMQ_POLLIN, 0};
    CHECK (zmq_poll (&item, 1, 20) == 0);
    put (right, "word", 0);
    end (&stays);
    take (left, "word", 0);
    closes (left, right);
}

int main (void)
{
    context = zmq_ctx_new ();
    options_beside (receives);
    options_beside (receives_a_message);
    room (0);
    room (1);
    both_ways ("inproc://both");
    both_ways ("tcp://127.0.0.1:*");
    both_ways ("ipc://both");
    workers (polls_and_takes, polls_and_takes);
    workers (takes, takes);
    workers (polls_and_takes, takes);
    turns ();
    for (int how = 0; how < 4; how++)
        for (int also = -1; also < 2; also++)
            closed (how, how == 2 ? -1 : also);
    signals ();
    timeouts ();
    struct thread crowd[CROWD];
    void *left, *right;
    pair_of (&left, &right, ZMQ_PAIR, ZMQ_PAIR);
    for (int at = 0; at < CROWD; at++) {
        crowd[at].count = at;
        begin (&crowd[at], to_the_end, left);
        await_sleep (&crowd[at]);
    }
    CHECK (zmq_ctx_shutdown (context) == 0);
    for (int at = 0; at < CROWD; at++)
        end (&crowd[at]);
    closes (left, right);
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
