"""A server that only known clients can talk to, and a client, encrypted by CURVE. See docs/security.md."""
import tempfile

import zmq
from zmq.auth import create_certificates, load_certificate
from zmq.auth.thread import ThreadAuthenticator

with tempfile.TemporaryDirectory() as server_folder, tempfile.TemporaryDirectory() as client_folder:
    # Each side makes its pair once, keeps the secret half, and gives the public half to the other. `ringmq keygen`
    # writes the same files.
    _, server_file = create_certificates(server_folder, "server")
    _, alice_file = create_certificates(client_folder, "alice", metadata={"name": "Alice"})
    server_public, server_secret = load_certificate(server_file)
    alice_public, alice_secret = load_certificate(alice_file)

    with zmq.Context() as context:
        authenticator = ThreadAuthenticator(context)
        authenticator.start()
        # The clients whose certificates are in this folder are known.
        authenticator.configure_curve(domain="example", location=client_folder)
        with context.socket(zmq.REP) as server, context.socket(zmq.REQ) as client:
            server.curve_server = True
            server.curve_secretkey = server_secret
            server.zap_domain = b"example"
            server.rcvtimeo = 10_000  # ms
            port = server.bind_to_random_port("tcp://127.0.0.1")

            client.curve_serverkey = server_public
            client.curve_publickey, client.curve_secretkey = alice_public, alice_secret
            client.connect(f"tcp://127.0.0.1:{port}")
            client.send_string("Who am I?")

            question = server.recv(copy=False)
            known = question["User-Id"].encode() == alice_public
            server.send_string("alice" if known else "stranger")
            print("The server says:", client.recv_string())
        authenticator.stop()
