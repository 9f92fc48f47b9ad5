"""A headless Chromium that is driven over its debugging pipe, with nothing but Python's own library.

    with Browser("/path/of/profile") as browser:
        page = browser.page()
        page.size(390, 844, scale=2)
        page.open("http://127.0.0.1:7780/")
        page.run("document.title")

Messages of the DevTools protocol are JSON, each with a zero byte behind it, on the browser's descriptors 3 and 4.  What the pages say
(console, refused resources, violations of their policy) is kept in page.said.
"""

import base64
import fcntl
import json
import os
import select
import subprocess
import time

PATIENCE_S = 30


class Failed(Exception):
    pass


class Browser:
    def __init__(self, profile, program="chromium"):
        self.profile, self.program = profile, program
        self.number, self.rest, self.pages = 0, b"", {}

    def __enter__(self):
        to_browser, self.write = os.pipe()
        self.read, from_browser = os.pipe()
        command = [self.program, "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--hide-scrollbars", "--force-color-profile=srgb", f"--user-data-dir={self.profile}"]
        if os.geteuid() == 0:
            command.append("--no-sandbox")  # it refuses to run as root with one; it only sees our own page

        def descriptors():
            # Away from 3 and 4 first: one of them may be the other's place.
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in (to_browser, from_browser)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        with open(os.path.join(self.profile + ".log"), "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=False,
                                            preexec_fn=descriptors)
        os.close(to_browser)
        os.close(from_browser)
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
            self.process.wait(PATIENCE_S)
        except (Failed, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.write)
        os.close(self.read)

    def page(self):
        target = self.call("Target.createTarget", url="about:blank", newWindow=True)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.pages[session] = page = Page(self, session, target)
        for domain in ("Page", "Runtime", "Log", "Audits", "Accessibility"):
            page.call(domain + ".enable")
        return page

    def call(self, method, session=None, **parameters):
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        answer = self.until(lambda one: one.get("id") == number, method)
        if "error" in answer:
            raise Failed(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def until(self, wanted, what):
        """Takes messages up to the one that is wanted; those of pages are theirs."""
        end = time.monotonic() + PATIENCE_S
        while True:
            while b"\0" in self.rest:
                line, self.rest = self.rest.split(b"\0", 1)
                message = json.loads(line)
                page = self.pages.get(message.get("sessionId"))
                if page and "method" in message:
                    page.hear(message["method"], message["params"])
                if wanted(message):
                    return message
            if not select.select([self.read], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed(f"{what}: the browser does not answer")
            more = os.read(self.read, 1 << 20)
            if not more:
                raise Failed(f"{what}: the browser has ended")
            self.rest += more


class Page:
    def __init__(self, browser, session, target):
        self.browser, self.session, self.target, self.said = browser, session, target, []

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
        del self.browser.pages[self.session]

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def hear(self, method, params):
        if method == "Runtime.consoleAPICalled":
            self.said.append("console: " + " ".join(str(one.get("value", one.get("description"))) for one in params["args"]))
        elif method == "Runtime.exceptionThrown":
            self.said.append("exception: " + json.dumps(params["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.said.append(f"log: {params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Audits.issueAdded":
            self.said.append("issue: " + json.dumps(params["issue"]))

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.browser.until(lambda one: one.get("method") == "Page.loadEventFired" and one.get("sessionId") == self.session, url)

    def run(self, expression):
        """The value of an expression; of a promise, what it becomes."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Failed(f"{expression}: {json.dumps(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def wait(self, expression, seconds=PATIENCE_S):
        end = time.monotonic() + seconds
        while not self.run(expression):
            if time.monotonic() > end:
                raise Failed(f"not after {seconds} s: {expression}")
            time.sleep(0.1)

    def size(self, width, height, scale=1, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone)

    def scheme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def scripts(self, on):
        self.call("Emulation.setScriptExecutionDisabled", value=not on)

    def key(self, key, code, text=""):
        for kind in "keyDown", "keyUp":
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text if kind == "keyDown" else "")

    def names(self):
        """What a screen reader is told: (role, name) of everything that is not ignored."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(one["role"]["value"], one.get("name", {}).get("value", "")) for one in nodes if not one["ignored"]]

    def picture(self, file, height=None):
        """Of the whole page, or of so much of it from the top."""
        box = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": box["width"], "height": min(height or box["height"], box["height"]), "scale": 1}
        answer = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True, optimizeForSpeed=False)
        with open(file, "wb") as out:
            out.write(base64.b64decode(answer["data"]))
