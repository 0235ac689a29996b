import json, pathlib, subprocess, sys, tempfile, os
sys.path.insert(0, "tests/bench"); sys.path.insert(0, "tests/integration")
from processes import *
from peers import *
from harness import Authority
folder = pathlib.Path(tempfile.mkdtemp(prefix="bench."))
Authority(folder/"pki")
pki = folder/"pki"
def go(kind, args, n):
    sink = Process(["build/bench/bench_sink","--port","19001","--certificate",pki/"server.crt","--key",pki/"server.key","--report",folder/"report"], folder/"sink.log")
    wait_for("sink", lambda: accepts(19001))
    with kind(folder, pki, 19001, 19002) as peer:
        load = ["build/bench/bench_load","--port","19002","--ca",pki/"ca.pem"]
        subprocess.run(load+["--messages","200"], check=True, )
        before = cpu_seconds(peer.process.pid)
        out = subprocess.run(load+args+["--messages",str(n),"--first-id","1000"], capture_output=True, text=True)
        used = cpu_seconds(peer.process.pid)-before
        r = json.loads(out.stdout)
        print(kind.name, args, "cpu/1000:", round(used/n*1000,4), r, "peak KiB", peak_memory_kib(peer.process.pid), out.stderr[-300:])
    sink.stop(); print((folder/"report").read_text())
for args, n in ((["--size","10240","--connections","50"], 5000), (["--size","4096","--per-connection","1","--connections","20"], 1000)):
    for kind in (Haproxy, Sallyport): go(kind, args, n)
