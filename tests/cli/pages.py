"""Examples of documents, run and compared with what the page shows. TT_ACCEPT=1 writes new output into the page."""
import os
import re
import sys

from test_readme import CONSOLE, run, steps_of

NUMBER = re.compile(r"[-+~]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def close(shown, real):
    """Columns may be wider and figures differ in their last digits: a runtime measures them."""
    if shown == real:
        return True  # a hash may look like a number without end
    if NUMBER.sub("#", " ".join(shown.split())) != NUMBER.sub("#", " ".join(real.split())):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(real), strict=True)
    return all(abs(float(a.strip("~")) - float(b.strip("~"))) <= 0.02 * abs(float(a.strip("~"))) + 0.02 for a, b in pairs)


def check_page(page, folder, environment):
    """Runs the commands of all console blocks of the page, one after the other, in the folder."""
    steps = steps_of("".join(CONSOLE.findall(page.read_text())))
    outputs = run([command for command, _ in steps], folder, dict(environment, PATH=f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"))
    if os.environ.get("TT_ACCEPT"):
        rest = iter(outputs)
        page.write_text(CONSOLE.sub(lambda block: "".join("\n".join(["$ " + command.replace("\n", "\n> "), *next(rest)]) + "\n"
                                                          for command, _ in steps_of(block[0])), page.read_text()))
        return
    for (command, shown), real in zip(steps, outputs, strict=True):
        shown, real = ([re.sub(r"[\d.]+ s(, peak.*)?$", "", line) for line in lines] for lines in (shown, real))
        assert len(shown) == len(real) and all(map(close, shown, real)), "\n".join(["$ " + command, *shown, "tt prints:", *real])
