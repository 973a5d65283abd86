/* A process forks while another of its threads is inside of a call on a socket. In the child no thread ever ends that
   call: it may close the socket all the same, and use what belongs to it. */
#include "endpoints.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static int inside[2], go_on[2];
static void *publisher;

/* Called within the send, since a PUB without subscribers drops what it is given. */
static void freed (void *data, void *hint)
{
    (void) data, (void) hint;
    char byte = 'x';
    CHECK (write (inside[1], &byte, 1) == 1);
    CHECK (read (go_on[0], &byte, 1) == 1);
}

static void *send_slowly (void *unused)
{
    static char body[5000];
    zmq_msg_t message;
    CHECK (zmq_msg_init_data (&message, body, sizeof body, freed, NULL) == 0);
    CHECK (zmq_msg_send (&message, publisher, 0) == sizeof body);
    return unused;
}

static void child (void *context, void *pair)
{
    alarm (40);
    if (zmq_has ("ringmq")) {
        char byte;
        REFUSED (zmq_send (publisher, "x", 1, 0), ETERM);
        REFUSED (zmq_recv (pair, &byte, 1, 0), ETERM);
    }
    CHECK (zmq_close (publisher) == 0);
    REFUSED (zmq_close (publisher), ENOTSOCK);
    CHECK (zmq_close (pair) == 0);
    CHECK (zmq_ctx_shutdown (context) == 0);
    void *own = zmq_ctx_new (), *near = made (own, ZMQ_PAIR), *far = made (own, ZMQ_PAIR);
    CHECK (zmq_bind (far, "inproc://child") == 0 && zmq_connect (near, "inproc://child") == 0);
    put (near, "x", 0);
    take (far, "x", 0);
    CHECK (zmq_close (near) == 0 && zmq_close (far) == 0 && zmq_ctx_term (own) == 0);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    publisher = made (context, ZMQ_PUB);
    void *pair = made (context, ZMQ_PAIR);
    CHECK (zmq_bind (publisher, "ipc://*") == 0);
    CHECK (pipe (inside) == 0 && pipe (go_on) == 0);
    pthread_t thread;
    CHECK (pthread_create (&thread, NULL, send_slowly, NULL) == 0);
    char byte;
    CHECK (read (inside[0], &byte, 1) == 1);
    pid_t process = fork ();
    CHECK (process >= 0);
    if (process == 0) {
        child (context, pair);
        _exit (0);
    }
    int status;
    CHECK (waitpid (process, &status, 0) == process);
    CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    CHECK (write (go_on[1], "x", 1) == 1);
    CHECK (pthread_join (thread, NULL) == 0);
    /* The parent is as it was. */
    CHECK (zmq_send (publisher, "x", 1, 0) == 1);
    CHECK (zmq_close (publisher) == 0 && zmq_close (pair) == 0 && zmq_ctx_term (context) == 0);
    return 0;
}
