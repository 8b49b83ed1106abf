"""Looks through files and folders of logs and output for secrets; exit 1 and the places if there are any.

`./dev test` calls it with all that its tests have printed and all that their services have logged. First it
is shown one of each kind of secret, so that a scanner that finds nothing is not taken for clean logs.
"""

import pathlib
import re
import sys

# Nothing before or after that would make it part of a longer word.
START, END = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"

KINDS = {
    "a token": r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{20,}",
    "a header Authorization": r"(?i)authorization\W{1,4}(bearer|basic)\s+[\w.+/=-]{8,}",
    "a key of Stripe's": START + r"[rs]k_(test|live)_\w{6,}",
    "a webhook secret": START + r"whsec_[\w+/=]{6,}",
    "a webhook's signature": START + r"v[01]=[0-9a-f]{64}" + END,
    "a message's signature": START + r"v1,[\w+/]{43}=",
    "a capability": r"token=[\w-]{43}" + END,
    "a capability in a cookie": r"sekali_payment_\d+=[\w-]{43}" + END,
    "a link to an invoice": r"token=\d{9,12}\.[\w-]{43}",
    "a token secret of the tests": r"a secret of (the|at) ",
    "a password in an address": r"\w+://[^\s/:@\"]+:[^\s/:@\"]+@",
}
CARD = re.compile(START + r"(?:4\d{15}|5[1-5]\d{14}|3[47]\d{13}|(?:\d{4} ){3}\d{4})" + END)

SAMPLES = [
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjEsImV4cCI6MX0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "authorization: Bearer abcdefgh",
    "sk_test_sekali",
    "whsec_known_to_the_tests",
    "v1=" + "0a" * 32,
    "v1," + "A" * 43 + "=",
    "/process?token=" + "A" * 43,
    "Cookie: sekali_payment_1=" + "A" * 43,
    "/invoice?token=1705318200." + "A" * 43,
    "a secret of the tests, longer than 32 bytes",
    "redis://default:hunter22@127.0.0.1",
    "card 4242424242424242",
    "card 4242 4242 4242 4242",
]


def is_card(digits):
    """Luhn's sum."""
    numbers = [int(digit) for digit in reversed(digits) if digit.isdigit()]
    doubled = [sum(divmod(2 * number, 10)) for number in numbers[1::2]]
    return (sum(numbers[::2]) + sum(doubled)) % 10 == 0


COMPILED = {kind: re.compile(pattern) for kind, pattern in KINDS.items()}


def secrets_in(line):
    for kind, pattern in COMPILED.items():
        for match in pattern.finditer(line):
            yield kind, match.start()
    for match in CARD.finditer(line):
        if is_card(match.group()):
            yield "a card's number", match.start()


def files(paths):
    for path in map(pathlib.Path, paths):
        yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def main(paths):
    for sample in SAMPLES:
        assert list(secrets_in(sample)), f"the scanner does not see: {sample}"
    found = count = lines = 0
    for path in files(paths):
        count += 1
        with open(path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                lines += 1
                for kind, at in secrets_in(line):
                    found += 1
                    # The place, and not the secret once more.
                    print(f"{path}:{number}: {kind} after: {line[max(0, at - 60) : at]!r}")
    if lines == 0:
        sys.exit(f"there is nothing to look through in {', '.join(paths)}")
    print(f"{lines} lines in {count} files looked through: {found} secrets")
    sys.exit(1 if found else 0)


main(sys.argv[1:])
