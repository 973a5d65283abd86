/* A child that was forked from a process with a context and sockets: it may close them, and make others. */
#include "endpoints.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The errno of every call in the child. libzmq has EINTR, so loops that retry at EINTR never end. */
static int answer;

#define CHILDS(call) REFUSED (call, answer)

static void *context, *near, *far, *within[2];

/* libzmq refuses a send when it looks for commands. It does so at most once in some 3 million cycles of the CPU, or
   when the queue is full, so that the first sends after a fork may succeed; but not more than the queue holds. */
static void refuses_to_send (void)
{
    int room = zmq_has ("ringmq") ? 0 : get (within[0], ZMQ_SNDHWM) + get (within[1], ZMQ_RCVHWM);
    int sent = 0;
    while ((errno = 0, zmq_send (within[0], "x", 1, 0)) == 1)
        CHECK (sent++ < room);
    CHECK (errno == answer);
}

static void uses (void)
{
    char byte;
    CHILDS (zmq_recv (far, &byte, 1, 0));
    CHILDS (zmq_recv (far, &byte, 1, ZMQ_DONTWAIT));
    CHILDS (zmq_recv (within[1], &byte, 1, 0));
    refuses_to_send ();
    zmq_msg_t message;
    CHECK (zmq_msg_init (&message) == 0);
    CHILDS (zmq_msg_recv (&message, far, 0));
    zmq_pollitem_t item = {.socket = far, .events = ZMQ_POLLIN};
    CHILDS (zmq_poll (&item, 1, -1));
    CHILDS (zmq_poll (&item, 1, 0));
    int events;
    size_t size = sizeof events;
    CHILDS (zmq_getsockopt (far, ZMQ_EVENTS, &events, &size));
    CHILDS (zmq_proxy (near, far, NULL));
    char endpoint[64];
    last_endpoint (near, endpoint);
    CHILDS (zmq_bind (near, "tcp://127.0.0.1:*"));
    CHILDS (zmq_bind (near, "ipc://forks-child"));
    CHILDS (zmq_bind (near, "inproc://child"));
    CHILDS (zmq_connect (near, "ipc://forks-child"));
    CHILDS (zmq_connect (near, "inproc://child"));
    CHILDS (zmq_disconnect (near, endpoint));
    last_endpoint (far, endpoint);
    CHILDS (zmq_unbind (far, endpoint));
    /* These concern memory of the child only. */
    set (near, ZMQ_SNDHWM, 5);
    set (near, ZMQ_RCVHWM, 5);
    set (near, ZMQ_LINGER, 5);
    CHECK (get (near, ZMQ_SNDHWM) == 5 && get (near, ZMQ_FD) >= 0 && get (near, ZMQ_TYPE) == ZMQ_DEALER);
    CHECK (zmq_ctx_set (context, ZMQ_MAX_SOCKETS, 7) == 0 && zmq_ctx_get (context, ZMQ_IO_THREADS) == 1);
}

static void ends (void)
{
    CHECK (zmq_close (near) == 0 && zmq_close (far) == 0);
    CHECK (zmq_close (within[0]) == 0 && zmq_close (within[1]) == 0);
    CHECK (zmq_ctx_shutdown (context) == 0);
    /* libzmq waits for a thread that does not exist in the child, or fails with EINTR each time. */
    if (zmq_has ("ringmq"))
        CHECK (zmq_ctx_term (context) == 0);
}

/* What belongs to the child works. */
static void makes (const char *endpoint)
{
    void *own = zmq_ctx_new (), *dealer = made (own, ZMQ_DEALER), *other = made (own, ZMQ_DEALER);
    char bound[64];
    CHECK (zmq_connect (dealer, endpoint) == 0);
    put (dealer, "from the child", 0);
    take (dealer, "from the parent", 0);
    CHECK (zmq_close (dealer) == 0);
    dealer = made (own, ZMQ_DEALER);
    CHECK (zmq_bind (other, "ipc://*") == 0);
    last_endpoint (other, bound);
    CHECK (zmq_connect (dealer, bound) == 0);
    put (dealer, "x", 0);
    take (other, "x", 0);
    CHECK (zmq_close (dealer) == 0 && zmq_close (other) == 0 && zmq_ctx_term (own) == 0);
}

/* Takes what the child sends first. A child that ends earlier closes the last end of a pipe for writing. */
static void take_from (void *socket, int child_lives)
{
    zmq_pollitem_t items[] = {{.socket = socket, .events = ZMQ_POLLIN}, {.fd = child_lives, .events = ZMQ_POLLIN}};
    CHECK (zmq_poll (items, 2, -1) > 0);
    CHECK (items[0].revents == ZMQ_POLLIN && items[1].revents == 0);
    take (socket, "from the child", 0);
}

static void talk (int rounds)
{
    for (int round = 0; round < rounds; round++) {
        put (near, "x", 0);
        take (far, "x", 0);
        put (within[0], "x", 0);
        take (within[1], "x", 0);
    }
}

/* Large bodies that the parent has: one that it has made, and one that it has received. */
enum { BYTES = 1 << 20 };
static zmq_msg_t bodies[2];

static void are_all (char byte)
{
    for (int at = 0; at < 2; at++) {
        char *bytes = zmq_msg_data (&bodies[at]);
        CHECK (zmq_msg_size (&bodies[at]) == BYTES);
        for (int place = 0; place < BYTES; place++)
            CHECK (bytes[place] == byte);
    }
}

static void become_all (char byte)
{
    for (int at = 0; at < 2; at++)
        memset (zmq_msg_data (&bodies[at]), byte, BYTES);
    are_all (byte);
}

static void make_bodies (void)
{
    zmq_msg_t sent;
    CHECK (zmq_msg_init_size (&bodies[0], BYTES) == 0 && zmq_msg_init_size (&sent, BYTES) == 0);
    CHECK (zmq_msg_init (&bodies[1]) == 0);
    memset (zmq_msg_data (&sent), 'p', BYTES);
    memset (zmq_msg_data (&bodies[0]), 'p', BYTES);
    CHECK (zmq_msg_send (&sent, near, 0) == BYTES && zmq_msg_recv (&bodies[1], far, 0) == BYTES);
    are_all ('p');
}

static void close_bodies (void)
{
    CHECK (zmq_msg_close (&bodies[0]) == 0 && zmq_msg_close (&bodies[1]) == 0);
}

static void child (const char *transport, int first_ends)
{
    char endpoint[64], server[64];
    context = zmq_ctx_new ();
    near = made (context, ZMQ_DEALER), far = made (context, ZMQ_DEALER);
    within[0] = made (context, ZMQ_PAIR), within[1] = made (context, ZMQ_PAIR);
    CHECK (zmq_bind (within[1], "inproc://forks") == 0 && zmq_connect (within[0], "inproc://forks") == 0);
    CHECK (zmq_bind (far, transport) == 0);
    last_endpoint (far, endpoint);
    CHECK (zmq_connect (near, endpoint) == 0);
    talk (3000);
    void *parents = made (context, ZMQ_DEALER);
    CHECK (zmq_bind (parents, "ipc://*") == 0);
    last_endpoint (parents, server);
    make_bodies ();
    int lives[2];
    CHECK (pipe (lives) == 0);
    pid_t child = fork ();
    CHECK (child >= 0);
    if (child == 0) {
        CHECK (close (lives[0]) == 0);
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        alarm (40);
        answer = zmq_has ("ringmq") ? ETERM : EINTR;
        are_all ('p');
        become_all ('c');
        if (!first_ends)
            uses ();
        makes (server);
        CHECK (zmq_close (parents) == 0);
        close_bodies ();
        ends ();
        exit (0);
    }
    CHECK (close (lives[1]) == 0);
    take_from (parents, lives[0]);
    put (parents, "from the parent", 0);
    int status;
    CHECK (waitpid (child, &status, 0) == child);
    CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 0 && close (lives[0]) == 0);
    /* The parent is as it was. */
    talk (3000);
    are_all ('p');
    close_bodies ();
    CHECK (zmq_unbind (far, endpoint) == 0);
    CHECK (zmq_close (near) == 0 && zmq_close (far) == 0 && zmq_close (parents) == 0);
    CHECK (zmq_close (within[0]) == 0 && zmq_close (within[1]) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    const char *transports[] = {"ipc://*", "tcp://127.0.0.1:*"};
    for (int at = 0; at < 2; at++)
        for (int first_ends = 0; first_ends < 2; first_ends++)
            child (transports[at], first_ends);
    return 0;
}
