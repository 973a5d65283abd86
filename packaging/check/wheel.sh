# The wheel in a fresh environment of Python, with pyzmq's wheel, which carries a libzmq of its own.
# shellcheck shell=sh source=/dev/null
. /check/common.sh

contents >/tmp/before
python3 -m venv /tmp/venv
find /tmp/venv/bin | LC_ALL=C sort >/tmp/programs
pip() {
    /tmp/venv/bin/pip "$@" >/tmp/log 2>&1 || fail "pip $*: $(cat /tmp/log)"
}
pip install --no-index --find-links /check/wheels pyzmq /check/ringmq-*.whl
pip check

cat >/tmp/app.py <<'END'
import os
import zmq

with zmq.Context() as context, context.socket(zmq.REP) as server, context.socket(zmq.REQ) as client:
    server.bind("ipc://@wheel-check")
    client.connect("ipc://@wheel-check")
    client.send(b"hello")
    server.send(server.recv())
    assert client.recv() == b"hello"
print(zmq.has("ringmq"))
END
same "pyzmq alone" False "$(try /tmp/venv/bin/python /tmp/app.py)"
same "import ringmq" "True
True" "$(try /tmp/venv/bin/python -c 'import ringmq; print(bool(ringmq.active())); exec(open("/tmp/app.py").read())')"
try /tmp/venv/bin/python -c 'import ringmq; print(ringmq.active())'
same "python -m ringmq" True "$(try /tmp/venv/bin/python -m ringmq /tmp/app.py)"
same "the command of the wheel" True "$(try /tmp/venv/bin/ringmq run -- /tmp/venv/bin/python /tmp/app.py)"

say "uninstalled"
pip uninstall -y ringmq
find /tmp/venv -ipath '*ringmq*' | grep . && fail "files of ringmq are left"
same "pyzmq alone" False "$(try /tmp/venv/bin/python /tmp/app.py)"
pip uninstall -y pyzmq
find /tmp/venv/bin | LC_ALL=C sort | diff /tmp/programs - || fail "programs are left"
rm -rf /tmp/venv
unchanged "the wheel"
