"""A request and its reply over ipc, with pyzmq. See README.md for how to run it on ringmq."""
import zmq

with zmq.Context() as context:
    with context.socket(zmq.REP) as server, context.socket(zmq.REQ) as client:
        server.bind("ipc://@hello")
        client.connect("ipc://@hello")
        client.send(b"hello")
        server.send(server.recv().upper())
        print(client.recv(), zmq.zmq_version())
