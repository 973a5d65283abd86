/* The I/O threads of a context have the name, the CPU and the policy that they were to have. */
#include "scheduling.h"

int main (void)
{
    void *context = zmq_ctx_new ();
    int cpu = sched_getcpu ();
    CHECK (cpu >= 0);
    CHECK (zmq_ctx_set (context, ZMQ_THREAD_NAME_PREFIX, 7) == 0);
    CHECK (zmq_ctx_get (context, ZMQ_THREAD_NAME_PREFIX) == 7);
    CHECK (zmq_ctx_set (context, ZMQ_THREAD_AFFINITY_CPU_ADD, cpu) == 0);
    CHECK (zmq_ctx_set (context, ZMQ_THREAD_AFFINITY_CPU_ADD, cpu + 1) == 0);
    CHECK (zmq_ctx_set (context, ZMQ_THREAD_AFFINITY_CPU_REMOVE, cpu + 1) == 0);
    REFUSED (zmq_ctx_set (context, ZMQ_THREAD_AFFINITY_CPU_REMOVE, cpu + 1), EINVAL);
    /* A policy that needs no right. */
    CHECK (zmq_ctx_set (context, ZMQ_THREAD_SCHED_POLICY, SCHED_BATCH) == 0);
    CHECK (zmq_ctx_get (context, ZMQ_THREAD_SCHED_POLICY) == SCHED_BATCH);
    REFUSED (zmq_ctx_get (context, ZMQ_THREAD_AFFINITY_CPU_ADD), EINVAL);
    void *socket = made (context, ZMQ_PULL);
    CHECK (zmq_bind (socket, "tcp://127.0.0.1:*") == 0);
    await_thread ("7/", cpu, SCHED_BATCH);
    CHECK (zmq_close (socket) == 0 && zmq_ctx_term (context) == 0);
    return 0;
}
