"""A class without a network: started by test_offline.py in a network namespace that holds nothing but its own loopback.

Serves the page, opens it in Chromium, plays a try of every lesson, and prints FINE, or what went wrong (exit code 1).
"""

import fcntl
import socket
import struct
import sys
from pathlib import Path

from tests.teaching.conftest import chromium
from tests.teaching.visit import Server, Visit, chromium_arguments

FINE = "played offline"
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1


def raise_loopback() -> None:
    """Switch on the loopback device: in a new namespace it is there but down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        request = struct.pack("16sh", b"lo", 0)
        (flags,) = struct.unpack("16xh", fcntl.ioctl(asking, SIOCGIFFLAGS, request))
        fcntl.ioctl(asking, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))


def main(log: Path) -> list[str]:
    """Play the page; returns what went wrong."""
    from playwright.sync_api import sync_playwright

    raise_loopback()
    devices = [name for _, name in socket.if_nameindex()]
    if devices != ["lo"]:
        return [f"this is no place without a network: {devices}"]
    with Server(log) as server, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=chromium_arguments())
        visit = Visit(browser, server).open()
        for number in range(1, 7):
            visit.go_to(number)
            visit.page.locator(".tries button").first.click()
            visit.wait_ticks(10)
            visit.button("Pause").click()
            visit.button("Play").wait_for()
        colours = visit.page.evaluate(
            """() => {
                const canvas = document.querySelector('canvas');
                const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
                return new Set(new Uint32Array(data.buffer)).size;
            }"""
        )
        fonts = visit.page.evaluate("[...document.fonts].filter(font => font.status === 'error').map(f => f.family)")
        errors = visit.close()
        browser.close()
    errors += [] if colours > 5 else [f"the well shows {colours} colours"]
    errors += [f"font not loaded: {family}" for family in fonts]
    return errors


if __name__ == "__main__":
    found = main(Path(sys.argv[1]))
    print("\n".join(found) if found else FINE)
    sys.exit(1 if found else 0)
