/* Polling: sockets and descriptors, one socket twice, signals, and ends; and proxies. */
#include "check.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

static void *context;

static void pair_of (void **left, void **right, const char *name)
{
    *left = made (context, ZMQ_PAIR);
    *right = made (context, ZMQ_PAIR);
    CHECK (zmq_bind (*left, name) == 0);
    CHECK (zmq_connect (*right, name) == 0);
}

static void one_socket_in_two_items (void)
{
    void *left, *right;
    pair_of (&left, &right, "inproc://twice");
    zmq_pollitem_t items[] = {
        {left, 0, ZMQ_POLLIN, 0}, {left, 0, ZMQ_POLLOUT, 0}, {left, 0, ZMQ_POLLIN | ZMQ_POLLOUT, 0}, {left, 0, 0, 0}};
    CHECK (zmq_poll (items, 4, 0) == 2);
    CHECK (items[0].revents == 0 && items[1].revents == ZMQ_POLLOUT);
    CHECK (items[2].revents == ZMQ_POLLOUT && items[3].revents == 0);
    put (right, "word", 0);
    CHECK (zmq_poll (items, 4, -1) == 3);
    CHECK (items[0].revents == ZMQ_POLLIN && items[1].revents == ZMQ_POLLOUT);
    CHECK (items[2].revents == (ZMQ_POLLIN | ZMQ_POLLOUT) && items[3].revents == 0);
    take (left, "word", 0);
    CHECK (zmq_close (left) == 0 && zmq_close (right) == 0);
}

static void descriptors (void)
{
    void *left, *right;
    pair_of (&left, &right, "inproc://beside");
    int ends[2];
    CHECK (pipe (ends) == 0);
    zmq_pollitem_t items[] = {
        {left, 0, ZMQ_POLLIN, 0}, {NULL, ends[0], ZMQ_POLLIN, 0}, {NULL, ends[1], ZMQ_POLLOUT, 0}, {NULL, -1, ZMQ_POLLIN, 0}};
    CHECK (zmq_poll (items, 4, 0) == 1);
    CHECK (items[0].revents == 0 && items[1].revents == 0 && items[2].revents == ZMQ_POLLOUT && items[3].revents == 0);
    CHECK (write (ends[1], "x", 1) == 1);
    CHECK (zmq_poll (items, 2, -1) == 1 && items[1].revents == ZMQ_POLLIN);
    put (right, "word", 0);
    CHECK (zmq_poll (items, 2, -1) == 2 && items[0].revents == ZMQ_POLLIN && items[1].revents == ZMQ_POLLIN);
    char byte;
    CHECK (read (ends[0], &byte, 1) == 1);
    close (ends[1]);
    CHECK (zmq_poll (items, 2, -1) == 2 && items[1].revents == ZMQ_POLLERR);
    close (ends[0]);
    CHECK (zmq_close (left) == 0 && zmq_close (right) == 0);
}

static void handled (int signal)
{
    (void) signal;
}

static void a_signal_ends_a_wait (void)
{
    void *left, *right;
    pair_of (&left, &right, "inproc://signal");
    struct sigaction action = {.sa_handler = handled};
    CHECK (sigaction (SIGALRM, &action, NULL) == 0);
    struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    CHECK (setitimer (ITIMER_REAL, &often, NULL) == 0);
    zmq_pollitem_t item = {left, 0, ZMQ_POLLIN, 0};
    for (int round = 0; round < 20; round++)
        REFUSED (zmq_poll (&item, 1, -1), EINTR);
    CHECK (setitimer (ITIMER_REAL, &never, NULL) == 0);
    CHECK (zmq_close (left) == 0 && zmq_close (right) == 0);
}

static void refusals (void)
{
    zmq_pollitem_t none = {&context, 0, ZMQ_POLLIN, 0};
    REFUSED (zmq_poll (NULL, 1, 0), EFAULT);
    REFUSED (zmq_poll (&none, -1, 0), EINVAL);
    CHECK (zmq_poll (NULL, 0, 0) == 0);
    REFUSED (zmq_proxy (NULL, NULL, NULL), EFAULT);
}

static void proxied (void *front)
{
    void *back = made (context, ZMQ_DEALER);
    CHECK (zmq_bind (back, "inproc://back") == 0);
    errno = 0;
    CHECK (zmq_proxy (front, back, NULL) == -1 && errno == ETERM);
    CHECK (zmq_close (front) == 0 && zmq_close (back) == 0);
}

static void the_end_of_a_context_ends_both (void)
{
    void *front = made (context, ZMQ_ROUTER);
    CHECK (zmq_bind (front, "inproc://front") == 0);
    void *thread = zmq_threadstart (proxied, front);
    void *client = made (context, ZMQ_REQ), *service = made (context, ZMQ_REP);
    CHECK (zmq_connect (client, "inproc://front") == 0 && zmq_connect (service, "inproc://back") == 0);
    for (int round = 0; round < 100; round++) {
        put (client, "head", ZMQ_SNDMORE);
        put (client, "question", 0);
        take (service, "head", 1);
        take (service, "question", 0);
        put (service, "answer", 0);
        take (client, "answer", 0);
    }
    CHECK (zmq_ctx_shutdown (context) == 0);
    zmq_pollitem_t item = {client, 0, ZMQ_POLLIN, 0};
    REFUSED (zmq_poll (&item, 1, -1), ETERM);
    zmq_threadclose (thread);
    CHECK (zmq_close (client) == 0 && zmq_close (service) == 0);
}

int main (void)
{
    context = zmq_ctx_new ();
    CHECK (context);
    one_socket_in_two_items ();
    descriptors ();
    a_signal_ends_a_wait ();
    refusals ();
    the_end_of_a_context_ends_both ();
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
