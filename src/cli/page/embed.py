"""Makes one page of its parts, and C++ of the page: two texts, what stands before the report's JSON and what follows it.

usage: embed.py OUT.cc page.html library.js page.css PART.js...
The policy of the page allows exactly these scripts and this style, by their hashes.
"""
import base64
import hashlib
import pathlib
import sys


def policy_hash(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def policy(style, *scripts):
    return "; ".join(["default-src 'none'", "script-src " + " ".join(map(policy_hash, scripts)), "style-src " + policy_hash(style),
                      "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"])


def literal(text):
    """Lines of C string literals; octal escapes end after three digits whatever follows."""
    pieces = ["".join(chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in line)
              for line in text.encode().splitlines(keepends=True)]
    return "\n".join(f'    "{piece}"' for piece in pieces)


def main(out, *paths):
    template, library, style, *parts = [pathlib.Path(path).read_text(encoding="utf-8") for path in paths]
    script = "\n".join(parts)
    for text in (library, script, style):
        assert "</script" not in text and "</style" not in text and "<!--" not in text, "a part would end its element"
    values = {"policy": policy(style, library, script), "style": style, "library": library, "script": script}
    before, after = template.split("{{data}}")
    for name, value in values.items():
        before, after = before.replace("{{" + name + "}}", value), after.replace("{{" + name + "}}", value)
    pathlib.Path(out).write_text(
        '// Made by src/cli/page/embed.py.\n#include "cli/page_text.h"\n\nnamespace tt::cli {\n\n'
        f"const std::string_view kPageBefore =\n{literal(before)};\n\nconst std::string_view kPageAfter =\n{literal(after)};\n\n}}  // namespace tt::cli\n",
        encoding="utf-8")


main(*sys.argv[1:])
