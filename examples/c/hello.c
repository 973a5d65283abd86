/* A request and its reply over ipc, in C. See README.md for how to build it. */
#include <stdio.h>
#include <zmq.h>

int main (void)
{
    char reply[16];
    void *context = zmq_ctx_new ();
    void *server = zmq_socket (context, ZMQ_REP), *client = zmq_socket (context, ZMQ_REQ);
    if (zmq_bind (server, "ipc://@hello") || zmq_connect (client, "ipc://@hello"))
        return 1;
    zmq_send (client, "hello", 5, 0);
    int size = zmq_recv (server, reply, sizeof reply, 0);
    zmq_send (server, reply, size, 0);
    size = zmq_recv (client, reply, sizeof reply, 0);
    printf ("%.*s\n", size, reply);
    return zmq_close (client) || zmq_close (server) || zmq_ctx_term (context);
}
