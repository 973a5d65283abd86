/* What ringmq's libzmq.so.5 has beyond libzmq. Include zmq.h first. Any other libzmq answers these options with EINVAL. */

#ifndef RINGMQ_H_INCLUDED
#define RINGMQ_H_INCLUDED

/* Options of a context, for zmq_ctx_set and zmq_ctx_get: the memory for large bodies (docs/sockets.md, "Large messages").
   Without RINGMQ_OWN_ARENA the others are options of the memory that all contexts of the process share. A body of
   zmq_msg_init_size is always in that memory.

   A context with RINGMQ_OWN_ARENA keeps its own arena: 0 does not take it away again. Set RINGMQ_OWN_ARENA first: each
   option acts when it is set. */

/* 1: the context has memory of its own, from its next zmq_bind or zmq_connect on. Default 0. */
#define RINGMQ_OWN_ARENA 0x524d0001
/* 1: the memory has huge pages, if the kernel gives them. Default 0. */
#define RINGMQ_HUGE_PAGES 0x524d0002
/* 0: pages are mapped by the first write to them, and not when the memory is made. Default 1. */
#define RINGMQ_PREFAULT 0x524d0003
/* MiB that are made at once, and stay when they are not in use. Default 0. Fails with ENOMEM. */
#define RINGMQ_RESERVE 0x524d0004

/* Which connections use shared memory, where the peer can, too: of a context for the sockets that are made later
   (zmq_ctx_set, zmq_ctx_get), of a socket for its later zmq_bind and zmq_connect (zmq_setsockopt, zmq_getsockopt, int).
   RINGMQ_SHM in the environment has the default. */
#define RINGMQ_SHARED_MEMORY 0x524d0005
/* None. */
#define RINGMQ_SHARED_MEMORY_OFF 0
/* Those over ipc, and those over tcp whose peer is on this machine. */
#define RINGMQ_SHARED_MEMORY_ON 1
/* Those over ipc. */
#define RINGMQ_SHARED_MEMORY_IPC 2

#endif
