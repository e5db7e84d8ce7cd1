"""Escape attempts, run inside a sandbox by its plain Python. Standard library only.

`python probes.py GROUP` reads the host's canaries from /in/input.json, makes every attempt of the
group and writes `{"attempt": "refused: why" | "REACHED: what"}` to /out/output.json.
"""
# An attacker's program keeps no house style:
# ruff: noqa: ANN001, ANN002, ANN201, ANN202, BLE001, N818, PLC0415, PLW1510, PTH101, PTH103
# ruff: noqa: PTH110, PTH112, PTH115, PTH123, PTH207, RUF005, RUF059, S103, SIM115
# mypy: ignore-errors

import ctypes
import glob
import json
import os
import platform
import signal
import socket
import struct
import subprocess
import sys
import traceback

CANARIES = json.load(open(os.environ.get("PROBES_INPUT", "/in/input.json")))
LIBC = ctypes.CDLL(None, use_errno=True)
RESULTS = {}
X86 = platform.machine() == "x86_64"


class Refused(Exception):
    pass


def attempt(name):
    def decorate(function):
        try:
            reached = function()
        except (OSError, ValueError, Refused, subprocess.SubprocessError) as error:
            RESULTS[name] = f"refused: {error}"
        except Exception:
            RESULTS[name] = "BROKEN: " + traceback.format_exc()
        else:
            RESULTS[name] = f"REACHED: {reached!r}"

    return decorate


def refuse(condition, why):
    if condition:
        raise Refused(why)


def call(name, x86, arm, *arguments):
    """A raw system call that must fail."""

    @attempt(f"syscall {name}")
    def _():
        number = x86 if X86 else arm
        refuse(number is None, "not on this architecture")
        ctypes.set_errno(0)
        result = LIBC.syscall(number, *arguments)
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result


def files():
    @attempt("canary by its path")
    def _():
        return open(CANARIES["file"]).read()

    @attempt("canary through any process's root")
    def _():
        roots = glob.glob("/proc/[0-9]*/root") + ["/proc/self/root", "/proc/1/cwd/../../../.."]
        for root in roots:
            if os.path.exists(root + CANARIES["file"]):
                return root
        raise Refused(f"not under {len(roots)} roots")

    @attempt("canary through ..")
    def _():
        for start in ("/", "/agent", "/tmp", "/out", "/proc/self/cwd"):
            path = start + "/.." * 12 + CANARIES["file"]
            if os.path.exists(path):
                return path
        raise Refused("every .. ends at the sandbox's root")

    for place in ("/root/.ssh", "/root/.cache", "/home/ubuntu", "/var/log", "/var/lib", "/boot",
                  "/etc/shadow", "/etc/ssh", "/oldroot", "/newroot/..//oldroot", "/sys/kernel",
                  "/run/systemd", "/run/docker.sock", "/var/run/docker.sock"):  # fmt: skip

        @attempt(f"host place {place}")
        def _(place=place):
            os.stat(place)
            return os.listdir(place) if os.path.isdir(place) else open(place).read()

    for place in ("/", "/usr", "/usr/bin", "/etc", "/agent", "/in", "/proc", "/proc/sys", "/dev"):

        @attempt(f"write into {place}")
        def _(place=place):
            with open(place.rstrip("/") + "/planted", "w") as file:
                file.write("x")
            return place

    @attempt("change a system file's mode")
    def _():
        os.chmod("/usr/bin/env", 0o777)
        return "changed"

    @attempt("change the given input")
    def _():
        os.chmod("/in/input.json", 0o666)
        with open("/in/input.json", "w") as file:
            file.write("{}")
        return "changed"


def processes():
    @attempt("see host processes")
    def _():
        pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
        refuse(len(pids) <= 4 and max(pids) < 100, f"only {pids}")
        return pids

    @attempt("signal the test process")
    def _():
        os.kill(CANARIES["pid"], 0)
        return "signalled"

    @attempt("signal the first process fatally")
    def _():
        os.kill(1, signal.SIGKILL)
        refuse(os.path.exists("/proc/1"), "still there")

    @attempt("read the launcher's environment for more than the agent's own")
    def _():
        data = open("/proc/1/environ", "rb").read()
        refuse(b"CANARY" not in data, "nothing of the hub's in it")
        return data

    @attempt("lower the out-of-memory score")
    def _():
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("-900")
        return open("/proc/self/oom_score_adj").read()

    @attempt("raise the priority")
    def _():
        os.nice(-10)
        return "raised"

    @attempt("raise a hard limit")
    def _():
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard + 1, hard + 1))
        return "raised"

    @attempt("find inherited descriptors")
    def _():
        listing = os.open("/proc/self/fd", os.O_RDONLY)
        extra = []
        for name in os.listdir(listing):
            if int(name) > 2 and int(name) != listing:
                try:
                    extra.append((name, os.readlink(f"/proc/self/fd/{name}")))
                except OSError:
                    continue
        os.close(listing)
        refuse(not extra and os.readlink("/proc/self/fd/0") == "/dev/null", "only 0, 1 and 2")
        return extra

    @attempt("find the hub's environment")
    def _():
        found = {name: value for name, value in os.environ.items() if "CANARY" in name + value}
        refuse(not found, f"{len(os.environ)} variables, all of the sandbox")
        return found


def kernel():
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger",
                 "/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/hostname",
                 "/proc/sys/fs/binfmt_misc/register", "/proc/self/uid_map", "/proc/self/gid_map",
                 "/proc/self/setgroups", "/proc/sys/user/max_user_namespaces"):  # fmt: skip

        @attempt(f"write {path}")
        def _(path=path):
            with open(path, "r+") as file:
                before = file.read(200)
                file.seek(0)
                file.write(before or "0 0 1")
            return before

    for path in ("/proc/kcore", "/proc/kmsg", "/dev/kmsg", "/dev/mem", "/dev/port", "/dev/kvm",
                 "/dev/fuse", "/dev/vda", "/dev/loop0", "/dev/net/tun", "/dev/vsock", "/dev/ptmx0",
                 "/sys/fs/cgroup", "/sys/kernel/debug"):  # fmt: skip

        @attempt(f"open {path}")
        def _(path=path):
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            return os.read(fd, 1)

    @attempt("cgroup release_agent")
    def _():
        found = glob.glob("/sys/fs/cgroup/**/release_agent", recursive=True)
        refuse(not found, "no cgroup file system")
        return found

    @attempt("mount a cgroup file system")
    def _():
        os.makedirs("/tmp/cg", exist_ok=True)
        if LIBC.mount(b"cgroup", b"/tmp/cg", b"cgroup", 0, b"memory") < 0:
            raise OSError(ctypes.get_errno(), "mount")
        return "mounted"


def sockets():
    @attempt("host loopback")
    def _():
        return socket.create_connection(("127.0.0.1", CANARIES["port"]), 2)

    @attempt("host's abstract socket")
    def _():
        client = socket.socket(socket.AF_UNIX)
        client.connect("\0" + CANARIES["abstract"])
        return "connected"

    @attempt("host's socket by its path")
    def _():
        client = socket.socket(socket.AF_UNIX)
        client.connect(CANARIES["unix"])
        return "connected"

    @attempt("the internet by address")
    def _():
        return socket.create_connection(("1.1.1.1", 53), 2)

    @attempt("the metadata service")
    def _():
        return socket.create_connection(("169.254.169.254", 80), 2)

    @attempt("name resolution")
    def _():
        return socket.getaddrinfo("example.org", 443)

    @attempt("other interfaces than loopback")
    def _():
        names = [name for _, name in socket.if_nameindex()]
        refuse(names in ([], ["lo"]), f"only {names}")
        return names

    for name, family, kind in (("vsock", 40, socket.SOCK_STREAM), ("alg", 38, socket.SOCK_SEQPACKET),
                               ("packet", 17, socket.SOCK_RAW), ("raw", 2, socket.SOCK_RAW),
                               ("raw6", 10, socket.SOCK_RAW), ("bluetooth", 31, socket.SOCK_RAW),
                               ("can", 29, socket.SOCK_RAW), ("xdp", 44, socket.SOCK_RAW),
                               ("tipc", 30, socket.SOCK_STREAM), ("smc", 43, socket.SOCK_STREAM)):  # fmt: skip

        @attempt(f"{name} socket")
        def _(family=family, kind=kind):
            return str(socket.socket(family, kind))

    for name, protocol in (("netfilter", 12), ("audit", 9), ("uevent", 15), ("generic", 16)):

        @attempt(f"netlink {name}")
        def _(protocol=protocol):
            return str(socket.socket(16, socket.SOCK_RAW, protocol))


def neighbours():
    """What a service has that a job has not: a network, with its own project's services in it."""
    for name, address, port in CANARIES["private"]:

        @attempt(f"{name} at {address}:{port}")
        def _(address=address, port=port):
            return socket.create_connection((address, port), 1).getpeername()

    @attempt("the other project's service by its name")
    def _():
        return socket.getaddrinfo("victim", 8000)

    @attempt("listen in another's place")
    def _():
        listener = socket.socket()
        listener.bind(("10.77.0.1", 5432))
        return "bound"

    @attempt("answer to all addresses of the network")
    def _():
        listener = socket.socket()
        listener.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
        return "set"

    # Taking another address, a route to elsewhere, another hardware address, the cable's other end.
    address = struct.pack("=BBBBI", 2, 16, 0, 0, 2) + struct.pack(
        "=HH4s", 8, 2, bytes([10, 77, 0, 9])
    )
    route = struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 3, 0, 1, 0) + struct.pack("=HHI", 8, 4, 2)
    link = struct.pack("=BxHiII", 0, 0, 2, 0x100, 0x100)
    for name, kind, body in (("address", 20, address), ("route", 24, route), ("link", 16, link),
                             ("bridge", 16, link)):  # fmt: skip

        @attempt(f"netlink: change a {name}")
        def _(kind=kind, body=body):
            kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            kernel.settimeout(2)
            kernel.send(struct.pack("=IHHII", 16 + len(body), kind, 0x605, 1, 0) + body)
            code = -struct.unpack_from("=i", kernel.recv(65536), 16)[0]
            if code:
                raise OSError(code, os.strerror(code))
            return "changed"

    for path in ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/conf/all/rp_filter",
                 "/proc/sys/net/ipv4/ip_unprivileged_port_start", "/etc/hosts"):  # fmt: skip

        @attempt(f"write {path}")
        def _(path=path):
            with open(path, "r+") as file:
                before = file.read(200)
                file.seek(0)
                file.write(before)
            return before

    @attempt("enter the network's own namespace")
    def _():
        namespaces = {os.readlink(path) for path in glob.glob("/proc/[0-9]*/ns/net")}
        refuse(len(namespaces) == 1, f"only {namespaces}")
        return namespaces


def syscalls():
    zero = ctypes.create_string_buffer(4096)
    call("mount", 165, 40, b"none", b"/tmp", b"tmpfs", 0, 0)
    call("umount2", 166, 39, b"/workspace", 2)
    call("pivot_root", 155, 41, b"/tmp", b"/tmp")
    call("chroot", 161, 51, b"/tmp")
    call("open_tree", 428, 428, -100, b"/", 1)
    call("fsopen", 430, 430, b"tmpfs", 0)
    call("mount_setattr", 442, 442, -100, b"/", 0, zero, 32)
    for name, flag in (("user", 0x10000000), ("mount", 0x20000), ("net", 0x40000000),
                       ("pid", 0x20000000), ("uts", 0x4000000), ("ipc", 0x8000000),
                       ("cgroup", 0x2000000), ("time", 0x80)):  # fmt: skip
        call(f"unshare {name}", 272, 97, flag)
    call("clone new user namespace", 56, 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    call("clone3", 435, 435, struct.pack("=8Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64)
    namespace = os.open("/proc/self/ns/user", os.O_RDONLY)
    call("setns", 308, 268, namespace, 0)
    call("ptrace traceme", 101, 117, 0, 0, 0, 0)
    call("ptrace seize", 101, 117, 0x4206, 1, 0, 0)
    call("process_vm_readv", 310, 270, os.getppid(), zero, 0, zero, 0, 0)
    call("bpf", 321, 280, 0, zero, 120)
    call("userfaultfd", 323, 282, 1)
    call("io_uring_setup", 425, 425, 4, zero)
    call("perf_event_open", 298, 241, zero, 0, -1, -1, 0)
    call("keyctl", 250, 219, 0, -3, 0)
    call("add_key", 248, 217, b"user", b"k", b"v", 1, -3)
    call("request_key", 249, 218, b"user", b"k", 0, -3)
    call("name_to_handle_at", 303, 264, -100, b"/usr", zero, zero, 0)
    call("open_by_handle_at", 304, 265, -100, zero, 0)
    call("settimeofday", 164, 170, zero, 0)
    call("clock_settime", 227, 112, 0, zero)
    call("adjtimex", 159, 171, struct.pack("=i", 1) + bytes(300))
    call("kexec_load", 246, 104, 0, 0, 0, 0)
    call("init_module", 175, 105, zero, 0, b"")
    call("finit_module", 313, 273, 0, b"", 0)
    call("delete_module", 176, 106, b"x", 0)
    call("swapon", 167, 224, b"/tmp/x", 0)
    call("reboot", 169, 142, 0xFEE1DEAD, 672274793, 0, 0)
    call("sethostname", 170, 161, b"evil", 4)
    call("syslog", 103, 116, 3, zero, 100)
    call("acct", 163, 89, b"/tmp/x")
    call("quotactl", 179, 60, 0, 0, 0, 0)
    call("fanotify_init", 300, 262, 0, 0)
    call("iopl", 172, None, 3)
    call("ioperm", 173, None, 0, 1, 1)
    call("modify_ldt", 154, None, 0, zero, 16)
    call("kcmp", 312, 272, os.getpid(), os.getpid(), 0, 0, 0)
    call("move_pages", 279, 239, os.getpid(), 0, 0, 0, 0, 0)
    call("pidfd_getfd", 438, 438, os.pidfd_open(os.getpid()), 0, 0)
    call("memfd_secret", 447, 447, 0)

    @attempt("inject into the terminal (TIOCSTI)")
    def _():
        import fcntl
        import pty

        leader, follower = pty.openpty()
        del leader
        fcntl.ioctl(follower, 0x5412, b"x")
        return "injected"

    @attempt("TIOCSTI behind a high bit in the request")
    def _():
        import pty

        _, follower = pty.openpty()
        number = 16 if X86 else 29
        if LIBC.syscall(number, follower, ctypes.c_ulong(0x1_0000_5412), b"x") < 0:
            raise OSError(ctypes.get_errno(), "ioctl")
        return "injected"

    @attempt("another system call table (x32)")
    def _():
        refuse(not X86, "only on x86_64")
        child = os.fork()
        if child == 0:
            LIBC.syscall(0x40000000 + 39)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        refuse(
            os.WIFSIGNALED(status),
            f"killed by {os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}",
        )
        return status


def privilege():
    status = dict(
        line.split(":", 1) for line in open("/proc/self/status").read().splitlines() if ":" in line
    )
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):

        @attempt(f"hold a capability ({name})")
        def _(name=name):
            refuse(int(status[name], 16) == 0, "none")
            return status[name]

    @attempt("gain privileges by exec")
    def _():
        refuse(status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2", "locked")
        return status["NoNewPrivs"]

    @attempt("be root")
    def _():
        refuse(
            0 not in os.getresuid() + os.getresgid() + tuple(os.getgroups()), str(os.getresuid())
        )
        return os.getresuid()

    for name, function in (("setuid", lambda: os.setuid(0)), ("setgid", lambda: os.setgid(0)),
                           ("setgroups", lambda: os.setgroups([0])),
                           ("setresuid", lambda: os.setresuid(0, 0, 0))):  # fmt: skip

        @attempt(name)
        def _(function=function):
            function()
            return "done"

    @attempt("a set-user-id program of the system")
    def _():
        for program in ("/usr/bin/su", "/usr/bin/mount", "/usr/bin/passwd", "/usr/bin/sudo"):
            if os.path.exists(program) and os.stat(program).st_mode & 0o4000:
                subprocess.run([program, "--help"], capture_output=True, timeout=10, check=False)
        shown = subprocess.run(["id", "-u"], capture_output=True, text=True, check=True)
        refuse(shown.stdout.strip() == "1000", shown.stdout.strip())
        return shown.stdout

    @attempt("a set-user-id program of one's own")
    def _():
        import shutil

        shutil.copy("/usr/bin/id", "/tmp/id")
        os.chown("/tmp/id", 0, 0)
        os.chmod("/tmp/id", 0o4755)
        return subprocess.run(["/tmp/id"], capture_output=True, text=True).stdout

    for kind, name in ((0o060000, "block"), (0o020000, "character")):

        @attempt(f"make a {name} device")
        def _(kind=kind):
            os.mknod("/tmp/device", kind | 0o666, os.makedev(254, 0))
            return open("/tmp/device", "rb").read(16)

    @attempt("nest another sandbox's user namespace")
    def _():
        done = subprocess.run(["unshare", "-U", "true"], capture_output=True, check=False)
        refuse(done.returncode != 0, done.stderr.decode())
        return "made"


GROUPS = {
    function.__name__: function
    for function in (files, processes, kernel, sockets, neighbours, syscalls, privilege)
}

if __name__ == "__main__":
    GROUPS[sys.argv[1]]()
    with open(os.environ.get("PROBES_OUTPUT", "/out/output.json"), "w") as output:
        json.dump(RESULTS, output)
