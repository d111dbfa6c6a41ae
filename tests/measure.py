"""Runs a program and reports what it used, as one line of JSON on standard output.

usage: measure.py PROGRAM [ARGUMENT]...      the program's standard output goes to standard error

A process of its own, because the peak memory of a child starts with that of the process that started it. `read` counts
the bytes of all read calls; it is null where the system keeps no account of them.
"""
import json
import os
import subprocess
import sys
import time


def bytes_read(pid):
    try:
        with open(f"/proc/{pid}/io", encoding="ascii") as counters:
            return next(int(line.split()[1]) for line in counters if line.startswith("rchar:"))
    except OSError:
        return None


def main():
    start = time.perf_counter()
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr)
    # The counters stay readable until the process is reaped.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    seconds = time.perf_counter() - start
    read = bytes_read(child.pid)
    _, status, usage = os.wait4(child.pid, 0)
    print(json.dumps({"status": os.waitstatus_to_exitcode(status), "seconds": seconds, "read": read,
                      "processor_seconds": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
